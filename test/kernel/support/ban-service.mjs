// A host that carries bans out: ban-service.mjs FOLDER, of fail2ban. Its clock is moved on by seconds that it is told.
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openNetfilter } from 'node-netfilter-queue'
import { BanService } from '../../../dist/src/queue/bans/service.js'

const [folder] = process.argv.slice(2)
let ahead = 0
new BanService({
  settings: {
    folders: [folder],
    jails: [],
    protected: [],
    shared: undefined,
    database: join(folder, 'state', 'bans.db'),
    reset: false,
  },
  socket: openNetfilter(),
  report: (problem) => console.error(problem),
  banned: () => {},
  clock: () => Date.now() + ahead,
})
console.log('ready')
for await (const seconds of createInterface(process.stdin)) {
  ahead += Number(seconds) * 1000
  console.log(ahead)
}
