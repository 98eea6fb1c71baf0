import { type AddressRange, readAddress, readPortNumber, ValueError } from '../policy/values.js'
import { TextError, type Word } from './words.js'

/** One end of traffic; what is missing is not said. */
export interface Endpoint {
  readonly addresses?: readonly AddressRange[]
  readonly ports?: PortRange
}

export interface PortRange {
  readonly first: number
  readonly last: number
}

/** Names that stand for addresses, those of a policy's `define`. */
export type Names = ReadonlyMap<string, readonly AddressRange[]>

const HINT = 'write 10.0.0.7, 10.0.0.0/16, 10.0.0.7:22, [fd00::7]:22, :22 or a name of define'

/** Reads `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]:PORT` or `:PORT`. Throws TextError. */
export function readEndpoint(word: Word, names: Names): Endpoint {
  const { address, port } = split(word)
  return {
    ...(address.text !== '' && {
      addresses: names.get(address.text) ?? read(address, (text) => [readAddress(text, names.keys())]),
    }),
    ...(port !== undefined && { ports: read(port, readPorts) }),
  }
}

function read<T>(part: Word, reader: (text: string) => T): T {
  try {
    return reader(part.text)
  } catch (error) {
    if (error instanceof ValueError) throw new TextError(part, error.message, error.hint)
    throw error
  }
}

/** The address, which may be empty, and the port, which may be missing. */
function split(word: Word): { address: Word; port: Word | undefined } {
  const { text } = word
  const part = (from: number, to: number): Word => ({
    text: text.slice(from, to),
    start: word.start + from,
    end: word.start + Math.max(to, from + 1),
  })
  if (text.startsWith('[')) {
    const [, address, port] = /^\[([^\]]*)\](:.*)?$/.exec(text) ?? []
    if (address === undefined) throw new TextError(word, `${text} is no address`, HINT)
    const end = address.length + 1
    return { address: part(1, end), port: port === undefined ? undefined : part(end + 2, text.length) }
  }
  const colon = text.indexOf(':')
  // Without brackets, what has several colons is an address of IPv6.
  if (colon < 0 || text.indexOf(':', colon + 1) >= 0)
    return { address: part(0, text.length), port: undefined }
  return { address: part(0, colon), port: part(colon + 1, text.length) }
}

function readPorts(text: string): PortRange {
  const [from = '', to] = text.split('-', 2)
  const first = readPortNumber(from)
  const last = to === undefined ? first : readPortNumber(to)
  if (last < first) throw new ValueError(`the range ${text} goes down`, 'write 8000-8010')
  return { first, last }
}
