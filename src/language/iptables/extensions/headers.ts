/** Matches of transport headers, and of ESP, AH and IPComp. */
import type { Statement } from '../../../ruleset/model.js'
import { compare, field, is, span, value } from '../../../ruleset/nodes.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import type { SctpChunkType } from '../../../ruleset/xtables.js'
import { type MatchExtension, match, type Options, present, type RuleFacts, xtables } from './extension.js'
import type { Given, GivenOption } from './given.js'
import { DCCP_TYPES, SCTP_CHUNKS, SCTP_FLAGS } from './names.js'

const PORT_OPTIONS: Options = {
  sport: { invert: true },
  'source-port': { same: 'sport', invert: true },
  dport: { invert: true },
  'destination-port': { same: 'dport', invert: true },
}

function ports(given: Given) {
  const sport = given.option('sport')
  const dport = given.option('dport')
  return present({ sport: sport && given.ports(sport), dport: dport && given.ports(dport) })
}

/** iptables-nft has nft's own matches of ports, and none where every port is asked for, inverted or not. */
function nftPorts(protocol: string, given: Given): Statement[] {
  return Object.entries(ports(given)).flatMap(([side, range]) =>
    allPorts(range) ? [] : [is(field(protocol, side), span(range), range.invert)],
  )
}

const allPorts = ({ from, to }: { from: number; to: number }) => from === 0 && to === 65_535

/** Whether nothing is asked for: then iptables-nft has xtables' match, which drops short headers, too. */
function asksNothing(given: Given): boolean {
  return Object.values(ports(given)).every((range) => allPorts(range) && !range.invert)
}

const TCP_FLAGS: Readonly<Record<string, number>> = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ALL: 0x3f,
  NONE: 0,
}
const SYN = { mask: 0x17, set: 0x02 }

function tcpFlags(given: Given): { mask: number; set: number; inverted: boolean } | undefined {
  const option = given.oneOf('tcp-flags', 'syn')
  if (option === undefined) return undefined
  if (option.name === 'syn') return { ...SYN, inverted: option.inverted }
  const [mask, set] = option.words.map((word) =>
    word.text.split(',').reduce((bits, name) => bits | given.nameOf(word, name, TCP_FLAGS, 'TCP flag'), 0),
  )
  return { mask: mask!, set: set!, inverted: option.inverted }
}

export const tcp: MatchExtension = {
  protocol: PROTOCOLS.tcp!,
  options: {
    ...PORT_OPTIONS,
    'tcp-flags': { words: 2, invert: true },
    syn: { words: 0, invert: true },
    'tcp-option': { invert: true },
  },
  read(given: Given, { backend }: RuleFacts) {
    const flags = tcpFlags(given)
    const option = given.option('tcp-option')
    const trivial = asksNothing(given) && (!flags || (flags.mask === 0 && flags.set === 0 && !flags.inverted))
    if (backend === 'nft' && option === undefined && !trivial) {
      const statements = nftPorts('tcp', given)
      // iptables-nft forgets a test of no flags.
      if (flags !== undefined && flags.mask !== 0) statements.push(nftFlags(flags))
      return statements
    }
    return [
      xtables({
        name: 'tcp',
        ...ports(given),
        ...(flags && {
          flags: { mask: flags.mask, set: flags.set, ...(flags.inverted ? { invert: true } : {}) },
        }),
        ...(option && { option: { kind: given.number(option, 1, 255), ...given.invert(option) } }),
      }),
    ]
  },
}

function nftFlags({ mask, set, inverted }: { mask: number; set: number; inverted: boolean }): Statement {
  const masked = {
    kind: 'binary',
    operator: '&',
    left: field('tcp', 'flags'),
    right: { kind: 'flags', bits: BigInt(mask) },
  } as const
  return compare(masked, inverted ? '!=' : '==', value(set))
}

export const udp: MatchExtension = {
  protocol: PROTOCOLS.udp!,
  options: PORT_OPTIONS,
  read: (given, { backend }) =>
    backend === 'nft' && !asksNothing(given)
      ? nftPorts('udp', given)
      : [xtables({ name: 'udp', ...ports(given) })],
}

export const dccp = match({
  protocol: PROTOCOLS.dccp!,
  options: { ...PORT_OPTIONS, 'dccp-types': { invert: true }, 'dccp-option': { invert: true } },
  read(given) {
    const types = given.option('dccp-types')
    const option = given.option('dccp-option')
    const any = types && given.names(types, DCCP_TYPES, 'DCCP packet type').toSorted((a, b) => a - b)
    return {
      name: 'dccp',
      ...ports(given),
      ...(types && { types: { any: any!, ...given.invert(types) } }),
      ...(option && { option: { type: given.number(option, 1, 255), ...given.invert(option) } }),
    }
  },
})

const ALL_CHUNKS = Array.from({ length: 256 }, (_, type) => ({ type }))

export const sctp = match({
  protocol: PROTOCOLS.sctp!,
  options: { ...PORT_OPTIONS, 'chunk-types': { words: 2, invert: true } },
  read(given) {
    const option = given.option('chunk-types')
    return { name: 'sctp', ...ports(given), ...(option && { chunks: sctpChunks(given, option) }) }
  },
})

function sctpChunks(given: Given, option: GivenOption) {
  const [how, list] = option.words
  const kinds = { any: 'any', all: 'all', only: 'only' } as const
  const kind = given.nameOf(how!, how!.text, kinds, 'kind of match: any, all or only')
  const types: SctpChunkType[] =
    list!.text === 'ALL' || list!.text === 'NONE'
      ? list!.text === 'ALL'
        ? ALL_CHUNKS
        : []
      : list!.text.split(',').map((text) => {
          const [name = '', letters] = text.split(':')
          const type = given.nameOf(list!, name, SCTP_CHUNKS, 'SCTP chunk type')
          return letters === undefined ? { type } : { type, flags: chunkFlags(given, list!, type, letters) }
        })
  return { match: kind, types: types.toSorted((a, b) => a.type - b.type), ...given.invert(option) }
}

/** A capital letter asks for the flag, a small one that it is not there. */
function chunkFlags(given: Given, word: GivenOption['words'][0], type: number, letters: string) {
  let mask = 0
  let set = 0
  for (const letter of letters) {
    const bit = (SCTP_FLAGS[type] ?? '').indexOf(letter.toUpperCase())
    if (bit < 0) given.reader.fail(word, `this chunk has no flag ${letter}`)
    mask |= 1 << bit
    if (letter === letter.toUpperCase()) set |= 1 << bit
  }
  return { mask, set }
}

const spi = (name: string) => ({ [name]: { invert: true } }) as Options

/** All of them are none in particular. */
function spiOf(given: Given, option: GivenOption | undefined) {
  const range = option && given.range(option)
  return range === undefined || (range.from === 0 && range.to === 2 ** 32 - 1 && !range.invert)
    ? {}
    : { spi: range }
}

export const esp = match({
  protocol: PROTOCOLS.esp!,
  options: spi('espspi'),
  read(given) {
    const option = given.option('espspi')
    return { name: 'esp', ...spiOf(given, option) }
  },
})

export const ipcomp = match({
  protocol: PROTOCOLS.ipcomp!,
  options: { ...spi('ipcompspi'), compres: { words: 0 } },
  read(given) {
    const option = given.option('ipcompspi')
    return {
      name: 'ipcomp',
      ...spiOf(given, option),
      ...(given.has('compres') && { reserved: true as const }),
    }
  },
})

export const ah4 = match({
  family: 'ip',
  protocol: PROTOCOLS.ah!,
  options: spi('ahspi'),
  read(given) {
    const option = given.option('ahspi')
    return { name: 'ah', ...spiOf(given, option) }
  },
})

export const ah6 = match({
  family: 'ip6',
  options: { ...spi('ahspi'), ahlen: { invert: true }, ahres: { words: 0 } },
  read(given) {
    const option = given.option('ahspi')
    const length = given.option('ahlen')
    return {
      name: 'ah',
      ...spiOf(given, option),
      ...(length && { length: { bytes: given.number(length), ...given.invert(length) } }),
      ...(given.has('ahres') && { reserved: true as const }),
    }
  },
})
