// npm test: installs, builds, and runs every test in a sandbox, where kernel tests may do as they like.
import { fail, runChild } from './child.js'
import { sandbox, sandboxMissing } from './sandbox.js'
import { SANDBOX_TOOLS, setup, unpackDebian } from './setup.js'

const VITEST = ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]

await setup([...SANDBOX_TOOLS, 'nsenter', 'nft', 'gcc', 'tcpdump', 'capinfos', 'redis-server'])
// Filters of other people's, read as they stand.
await unpackDebian('fail2ban')
const reason = sandboxMissing()
if (reason && process.env.CI === 'true') fail(reason)
if (reason) process.stderr.write(`portcullis: the kernel tests cannot run: ${reason}\n`)
// Outside a sandbox the kernel tests skip themselves: they must never touch this machine's own firewall.
process.exitCode = reason
  ? (await runChild(process.execPath, VITEST)).code
  : await sandbox(process.execPath, VITEST)
