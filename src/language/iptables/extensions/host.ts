/** Matches of what the host knows of a packet: sockets, interfaces, routes, sets. */
import { DEVICE_GROUPS, GROUPS, REALMS, USERS } from '../../../ruleset/symbols/host.js'
import type { Masked, Span } from '../../../ruleset/xtables.js'
import { match, present, type RuleFacts } from './extension.js'
import type { Given, GivenOption } from './given.js'

const flag = { words: 0 } as const
const inverted = { invert: true } as const
const invertedFlag = { words: 0, invert: true } as const

/** Refuses a match or an option where the kernel does, as far as the chain tells: one of one's own may be anywhere. */
function notIn(given: Given, chains: readonly string[], { chain }: RuleFacts, option?: GivenOption): void {
  if (chains.includes(chain))
    given.reader.fail(option?.span ?? given.span, `${given.module} cannot look at this in ${chain}`)
}

export const owner = match({
  options: {
    'uid-owner': inverted,
    'gid-owner': inverted,
    'socket-exists': invertedFlag,
    'suppl-groups': flag,
  },
  read(given, rule) {
    given.need('uid-owner', 'gid-owner', 'socket-exists')
    notIn(given, ['PREROUTING', 'INPUT', 'FORWARD'], rule)
    const ids = (name: string, known: Readonly<Record<string, number>>): Span | undefined => {
      const option = given.option(name)
      if (option === undefined) return undefined
      const word = option.words[0]!
      if (!/^\d/.test(word.text))
        return {
          ...single(given.nameOf(word, word.text, known, 'user or group that is known here')),
          ...given.invert(option),
        }
      const [low = '', high = low, more] = word.text.split('-')
      if (more !== undefined) given.reader.fail(word, `${word.text} is no range`)
      const [from, to] = [given.numberOf(word, low), given.numberOf(word, high)]
      if (from > to) given.reader.fail(word, `the range ${word.text} is empty`)
      return { from, to, ...given.invert(option) }
    }
    const exists = given.option('socket-exists')
    return present({
      name: 'owner' as const,
      uid: ids('uid-owner', USERS),
      gid: ids('gid-owner', GROUPS),
      socketExists: exists && given.invert(exists),
      supplementary: given.has('suppl-groups') ? (true as const) : undefined,
    })
  },
})

const single = (number: number) => ({ from: number, to: number })

export const cpu = match({
  options: { cpu: inverted },
  read(given) {
    const option = given.need('cpu')
    return { name: 'cpu', cpu: given.number(option), ...given.invert(option) }
  },
})

/** A number with a mask, or a name. */
function named(given: Given, option: GivenOption, known: Readonly<Record<string, number>>): Masked {
  const word = option.words[0]!
  if (/^\d/.test(word.text)) return given.masked(option)
  return {
    value: given.nameOf(word, word.text, known, 'name that is known here'),
    mask: 2 ** 32 - 1,
    ...given.invert(option),
  }
}

export const realm = match({
  options: { realm: inverted },
  read: (given) => ({ name: 'realm', ...named(given, given.need('realm'), REALMS) }),
})

export const devgroup = match({
  options: { 'src-group': inverted, 'dst-group': inverted },
  read(given, rule) {
    given.need('src-group', 'dst-group')
    const source = given.option('src-group')
    const destination = given.option('dst-group')
    if (source) notIn(given, ['OUTPUT', 'POSTROUTING'], rule, source)
    if (destination) notIn(given, ['PREROUTING', 'INPUT'], rule, destination)
    return present({
      name: 'devgroup' as const,
      source: source && named(given, source, DEVICE_GROUPS),
      destination: destination && named(given, destination, DEVICE_GROUPS),
    })
  },
})

export const physdev = match({
  options: {
    'physdev-in': inverted,
    'physdev-out': inverted,
    'physdev-is-in': invertedFlag,
    'physdev-is-out': invertedFlag,
    'physdev-is-bridged': invertedFlag,
  },
  read(given) {
    if (given.options.length === 0) given.fail('physdev needs an option')
    const port = (name: string) => {
      const option = given.option(name)
      return option && { interface: given.text(option, 15), ...given.invert(option) }
    }
    const is = (name: string) => {
      const option = given.option(name)
      return option && given.invert(option)
    }
    return present({
      name: 'physdev' as const,
      in: port('physdev-in'),
      out: port('physdev-out'),
      isIn: is('physdev-is-in'),
      isOut: is('physdev-is-out'),
      isBridged: is('physdev-is-bridged'),
    })
  },
})

export const mac = match({
  options: { 'mac-source': inverted },
  read(given, rule) {
    notIn(given, ['OUTPUT', 'POSTROUTING'], rule)
    const option = given.need('mac-source')
    const word = option.words[0]!
    if (!/^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i.test(word.text))
      given.reader.fail(word, `${word.text} is no Ethernet address`)
    const address = word.text.split(':').reduce((value, part) => (value << 8n) | BigInt(`0x${part}`), 0n)
    return { name: 'mac', address, ...given.invert(option) }
  },
})
