// A host that shares its bans: ban-host.mjs URL PROTECTED. Takes `ban ADDRESS`, `unban ADDRESS` and `list` on standard input.
import { createInterface } from 'node:readline'
import { parseRedisUrl } from '../../../dist/src/bans/store/resp.js'
import { SharedBans } from '../../../dist/src/bans/store/shared.js'
import { Protected } from '../../../dist/src/bans/table/protected.js'
import { BanTable } from '../../../dist/src/bans/table/table.js'
import { formatPrefix, parsePrefix } from '../../../dist/src/packet/address.js'

const [url, never] = process.argv.slice(2)
const table = new BanTable({ protected: new Protected([parsePrefix(never)]), sinks: [] })
table.attach(
  new SharedBans({ address: parseRedisUrl(url), table, report: (problem) => console.error(problem) }),
)
for await (const line of createInterface(process.stdin)) {
  const [command, address] = line.split(' ')
  const source = address && parsePrefix(address)
  const closed = { ports: [], protocols: [] }
  if (command === 'ban')
    table.ban([{ source, jail: 'j', since: Date.now(), span: 600_000, lines: ['why'], closed }], Date.now())
  else if (command === 'unban') table.unban(source)
  else
    console.log(
      JSON.stringify(
        table
          .list()
          .map((ban) => formatPrefix(ban.source))
          .sort(),
      ),
    )
}
