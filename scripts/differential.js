// npm run differential: installs, builds, and holds both evaluators against the kernel, or with --no-kernel against each other.
import { sandbox } from './sandbox.js'
import { SANDBOX_TOOLS, setup } from './setup.js'

await setup([...SANDBOX_TOOLS, 'nft', 'gcc'])
const program = ['--enable-source-maps', 'dist/test/kernel/differential/main.js']
process.exitCode = await sandbox(process.execPath, [...program, ...process.argv.slice(2)])
