// npm start: installs, builds, and shows the chapter's policy at work in a network of its own.
import { sandbox } from './sandbox.js'
import { SANDBOX_TOOLS, setup } from './setup.js'

await setup([...SANDBOX_TOOLS, 'nsenter'])
process.exitCode = await sandbox(process.execPath, ['dist/scripts/demo/main.js', ...process.argv.slice(2)])
