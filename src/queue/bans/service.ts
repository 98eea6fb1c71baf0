import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { NetfilterSocket } from 'node-netfilter-queue'
import type { Jail } from '../../bans/config/jail.js'
import { loadJails } from '../../bans/config/jails.js'
import { jailOf } from '../../bans/config/written.js'
import type { Problem } from '../../bans/problem.js'
import { parseRedisUrl } from '../../bans/store/resp.js'
import { SharedBans } from '../../bans/store/shared.js'
import { StoreWriter } from '../../bans/store/writer.js'
import type { Ban } from '../../bans/table/ban.js'
import { ownAddresses, Protected } from '../../bans/table/protected.js'
import { type BanRequest, BanTable } from '../../bans/table/table.js'
import { JailWatch } from '../../bans/watch.js'
import { ConnectionEnder } from './connection-ender.js'
import { KernelBans } from './kernel-bans.js'
import type { BanMemory } from './memory.js'
import type { BanSettings, BansReady, BanTotals, JailReport } from './messages.js'

/** Milliseconds between two looks at the kernel's table, in which lines are counted too. */
const LOOK_MS = 1000

export interface BanServiceOptions {
  readonly settings: BanSettings
  readonly socket: NetfilterSocket
  readonly memory?: BanMemory
  readonly report: (problem: string) => void
  readonly banned: (bans: readonly Ban[], wouldBe: readonly BanRequest[]) => void
  /** Milliseconds since 1970. */
  readonly clock?: () => number
}

/**
 * Everything about bans of a gate: the table, jails that fill it, the kernel's sets that carry it out, and where it is
 * kept. All of it works on one thread, beside the packets.
 */
export class BanService {
  readonly ready: BansReady
  readonly #clock: () => number
  readonly #table: BanTable
  readonly #kernel: KernelBans
  readonly #ender: ConnectionEnder
  readonly #store: StoreWriter
  readonly #shared: SharedBans | undefined
  readonly #watch: JailWatch
  readonly #socket: NetfilterSocket
  readonly #timer: NodeJS.Timeout
  #lines = new Map<string, number>()
  #rates = new Map<string, number>()

  /** Puts bans that were kept in force, in the kernel too. Throws an Error if the kernel takes no bans. */
  constructor({ settings, socket, memory, report, banned, clock = Date.now }: BanServiceOptions) {
    this.#clock = clock
    this.#socket = socket
    const { jails, problems, texts } = readJails(settings)
    const mirror = memory === undefined ? {} : { memory }
    this.#kernel = new KernelBans({ socket, reset: settings.reset, report, clock, ...mirror })
    this.#ender = new ConnectionEnder(socket, report)
    const ofJails = new Map(jails.map(({ name, ignored }) => [name, ignored.prefixes]))
    this.#table = new BanTable({
      protected: new Protected([...settings.protected, ...ownAddresses()], ofJails),
      sinks: [this.#kernel, this.#ender],
    })
    this.#store = openStore(settings.database, report, clock())
    const { kept } = this.#store
    this.#kernel.install()
    this.#table.restoreHistory(kept.ended)
    const restored = this.#table.restore(kept.bans, clock()).length
    if (this.#kernel.failing) throw new Error('the kernel does not take bans')
    this.#table.attach(this.#store)
    this.#shared = this.#share(settings.shared, report)
    this.#watch = new JailWatch({ jails, table: this.#table, store: this.#store, clock, report, banned })
    this.ready = {
      problems: [...problems, ...this.#watch.problems],
      texts,
      jails: this.#watch.status().map(({ name }) => name),
      restored,
    }
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  list(): readonly Ban[] {
    return this.#table.list()
  }

  jails(): readonly JailReport[] {
    return this.#watch
      .status()
      .map((status) => ({ ...status, linesPerSecond: this.#rates.get(status.name) ?? 0 }))
  }

  totals(): BanTotals {
    return {
      bans: this.#table.size,
      refused: this.#kernel.refused(),
      ended: this.#ender.ended,
      displaced: this.#table.displaced,
      kernelBehind: this.#kernel.failing,
      storeBehind: this.#store.failing,
    }
  }

  ban(requests: readonly BanRequest[]): readonly Ban[] {
    return this.#table.ban(requests, this.#clock())
  }

  unban(source?: Ban['source']): readonly Ban[] {
    return this.#table.unban(source)
  }

  /** Stops, and takes the bans out of the kernel; they are kept. Throws an Error if the kernel refuses. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#watch.close()
    this.#shared?.close()
    this.#ender.close()
    try {
      KernelBans.remove(this.#socket)
    } finally {
      await this.#store.close()
    }
  }

  #share(url: string | undefined, report: (problem: string) => void): SharedBans | undefined {
    const address = url === undefined ? undefined : parseRedisUrl(url)
    if (address === undefined) return undefined
    const shared = new SharedBans({ address, table: this.#table, report, clock: this.#clock })
    shared.keep(this.#table.list())
    this.#table.attach(shared)
    return shared
  }

  #look(): void {
    this.#kernel.check()
    const before = this.#lines
    this.#lines = new Map(this.#watch.status().map(({ name, lines }) => [name, lines]))
    this.#rates = new Map(
      [...this.#lines].map(([name, lines]) => [
        name,
        ((lines - (before.get(name) ?? lines)) * 1000) / LOOK_MS,
      ]),
    )
  }
}

function openStore(path: string, report: (problem: string) => void, now: number): StoreWriter {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch {
    // The store says what is wrong when it cannot open its file.
  }
  return new StoreWriter(path, report, now)
}

/** The jails of all folders and those that are written elsewhere; of two of one name the later counts. */
function readJails({ folders, jails }: BanSettings): {
  jails: readonly Jail[]
  problems: readonly Problem[]
  texts: ReadonlyMap<string, string>
} {
  const loaded = folders.map((folder) => loadJails(folder))
  const byName = new Map<string, Jail>()
  for (const jail of [...loaded.flatMap(({ jails }) => jails), ...jails.map(jailOf)])
    byName.set(jail.name, jail)
  return {
    jails: [...byName.values()],
    problems: loaded.flatMap(({ problems }) => problems),
    texts: new Map(loaded.flatMap(({ texts }) => [...texts])),
  }
}
