// npm run fuzz: installs, builds, and throws malformed packets at the engine.
import { sandbox } from './sandbox.js'
import { SANDBOX_TOOLS, setup } from './setup.js'

await setup(SANDBOX_TOOLS)
process.exitCode = await sandbox(process.execPath, ['dist/bench/fuzz.js', ...process.argv.slice(2)])
