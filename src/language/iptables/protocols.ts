import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'
import { unsigned } from './extensions/given.js'
import type { Reader } from './reader.js'
import type { Word } from './words.js'

/** Names that iptables has beside those of /etc/protocols. */
const MORE: Readonly<Record<string, number>> = { all: 0, mh: 135, 'ipv6-mh': 135 }

/** The number of a protocol; 0 is every protocol. */
export function protocolNumber(reader: Reader, word: Word): number {
  const number = unsigned(word.text)
  if (number !== undefined && number < 256n) return Number(number)
  const name = word.text.toLowerCase()
  const known = { ...PROTOCOLS, ...MORE }
  return Object.hasOwn(known, name)
    ? known[name]!
    : reader.failUnknown(word, `${word.text} is no protocol`, name, Object.keys(known))
}
