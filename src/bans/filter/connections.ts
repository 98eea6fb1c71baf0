import type { Groups } from './filter.js'

/** Connections that are remembered, and milliseconds for which. */
const MOST = 100
const LIFETIME = 300_000
/** Users that are told apart on one connection. */
const MOST_USERS = 16

interface Connection {
  groups: Record<string, string>
  readonly users: Set<string>
  /** A failure is known, and its address is not yet. */
  pending: boolean
  readonly since: number
}

/**
 * Puts lines about one connection together, by what the group `mlfid` takes: one line has the address, another says
 * that it failed. A line with `nofail` only tells of the connection, one with `mlfgained` that it succeeded, one with
 * `mlfforget` that it ends.
 */
export class Connections {
  readonly #known = new Map<string, Connection>()

  /** What a line's groups say together with those before it; undefined if that is no failure, or not yet one. */
  merge(id: string, line: Groups, time: number): Groups | undefined {
    const { mlfforget: ends, mlfgained: gained, ...groups } = line
    const connection = this.#find(id, groups.user, ends === undefined, time)
    if (gained !== undefined) connection.pending = false
    const { nofail: _, ...known } = connection.groups
    connection.groups = { ...known, ...groups }
    if (ends !== undefined) this.#known.delete(id)
    // Who tried several names has failed before.
    const failed = connection.pending || connection.users.size > 1
    connection.pending = false
    if (!failed && (gained !== undefined || groups.nofail !== undefined)) return undefined
    const { nofail: __, ...merged } = connection.groups
    if (merged.fid ?? merged.ip4 ?? merged.ip6 ?? merged.dns) return merged
    connection.pending = true
    return undefined
  }

  #find(id: string, user: string | undefined, keep: boolean, time: number): Connection {
    let connection = this.#known.get(id)
    if (connection === undefined || time - connection.since > LIFETIME) {
      connection = { groups: {}, users: new Set(), pending: false, since: time }
      this.#known.delete(id)
      if (keep) this.#known.set(id, connection)
      if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value!)
    }
    if (user !== undefined && user !== '' && connection.users.size < MOST_USERS) connection.users.add(user)
    return connection
  }
}
