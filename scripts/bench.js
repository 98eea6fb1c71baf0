// npm run bench [-- NAME… --json]: installs, builds, and measures in a sandbox.
import { sandbox } from './sandbox.js'
import { SANDBOX_TOOLS, setup } from './setup.js'

await setup([...SANDBOX_TOOLS, 'nsenter', 'gcc', 'tcpdump', 'pcap-config'])
const args = ['--expose-gc', 'dist/bench/main.js', ...process.argv.slice(2)]
process.exitCode = await sandbox(process.execPath, args)
