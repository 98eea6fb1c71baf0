/** Values as people write them, by datatype. Model values are bigints, and text for names that have no number here. */
import { formatAddress, parseAddress } from '../packet/address.js'
import { type DataType, type TypeInfo, typeInfo } from './datatypes.js'
import { symbolName, symbolValue } from './symbols/symbols.js'

/** A value that was read, or why the text is none. */
export type Read =
  | { readonly value: bigint | string }
  | { readonly error: string; readonly near?: readonly string[] }

/** The longest name of an interface (IFNAMSIZ less its end). */
const INTERFACE_NAME = 15
/** The longest other name. */
const STRING = 16

/** Reads a value of a datatype. `bits`: its size, where the datatype has none of its own. */
export function readValue(text: string, type: DataType, bits: number = typeInfo(type).bits): Read {
  const info = typeInfo(type)
  const read = readForm(text, type, info)
  if (read === undefined)
    return { error: `${text} is not ${info.noun}`, near: Object.keys(info.symbols ?? {}) }
  if (typeof read === 'string') return { value: read }
  const most = info.form === 'bit' ? BigInt(info.bits - 1) : (1n << BigInt(bits)) - 1n
  if (info.form !== 'seconds' && read > most)
    return { error: `${text} is too large for ${info.noun}: 0 to ${most}` }
  return { value: read }
}

function readForm(text: string, type: DataType, info: TypeInfo): bigint | string | undefined {
  const symbol = info.symbols && symbolValue(info.symbols, text)
  if (symbol !== undefined) return BigInt(symbol)
  switch (info.form) {
    case 'ipv4':
    case 'ipv6': {
      const address = parseAddress(text)
      if (address !== undefined) return address.bits === info.bits ? address.value : undefined
      return readNumber(text)
    }
    case 'ethernet':
      return readEthernet(text) ?? readNumber(text)
    case 'text':
      if (
        text === '' ||
        (type === 'string' && text.length > STRING) ||
        (type === 'ifname' && text.replace('\\', '').length > INTERFACE_NAME)
      )
        return undefined
      return text
    case 'handle':
      return readHandle(text)
    case 'seconds':
      return readDuration(text)
    case 'date':
      return readDate(text)
    case 'hour':
      return readHour(text)
    default:
      if (type === 'iface_index') return readNumber(text) ?? (/^[^\s/]{1,15}$/.test(text) ? text : undefined)
      if (type === 'day') return readDay(text, info) ?? readNumber(text)
      return readNumber(text)
  }
}

/** An unsigned number in decimal, or in hexadecimal behind 0x. */
export function readNumber(text: string): bigint | undefined {
  return /^(?:\d{1,40}|0x[0-9a-fA-F]{1,32})$/.test(text) ? BigInt(text) : undefined
}

function readEthernet(text: string): bigint | undefined {
  if (!/^[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}$/.test(text)) return undefined
  return text.split(':').reduce((value, part) => (value << 8n) | BigInt(`0x${part}`), 0n)
}

const ROOT_HANDLE = 0xffffffffn

function readHandle(text: string): bigint | undefined {
  if (text === 'none') return 0n
  if (text === 'root') return ROOT_HANDLE
  const [, major, minor] = /^([0-9a-fA-F]{0,4}):([0-9a-fA-F]{0,4})$/.exec(text) ?? []
  if (major === undefined || minor === undefined) return readNumber(text)
  return (BigInt(`0x0${major}`) << 16n) | BigInt(`0x0${minor}`)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

/** Milliseconds of a text such as 1d2h3m4s5ms; a number alone is seconds. */
export function readDuration(text: string): bigint | undefined {
  if (/^\d{1,15}$/.test(text)) return BigInt(text) * 1000n
  const match = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,12})s)?(?:(\d{1,15})ms)?$/.exec(text)
  if (match === null || text === '') return undefined
  return UNITS.reduce((sum, [, unit], i) => sum + BigInt(match[i + 1] ?? 0) * BigInt(unit), 0n)
}

/** Milliseconds as nft writes them. */
export function formatDuration(milliseconds: bigint): string {
  let rest = milliseconds
  let text = ''
  for (const [unit, length] of UNITS) {
    const count = rest / BigInt(length)
    rest %= BigInt(length)
    if (count > 0n) text += `${count}${unit}`
  }
  return text === '' ? '0s' : text
}

function readDate(text: string): bigint | undefined {
  if (/^\d{1,11}$/.test(text)) return BigInt(text) * 1_000_000_000n
  const match = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0))
  const time = Date.UTC(year, month - 1, day, hour, minute, second)
  if (time < 0 || new Date(time).toISOString().slice(0, 10) !== text.slice(0, 10)) return undefined
  return BigInt(time) * 1_000_000n
}

function readHour(text: string): bigint | undefined {
  const match = /^(\d\d?):(\d\d)(?::(\d\d))?$/.exec(text)
  if (match === null) {
    const seconds = readNumber(text)
    return seconds !== undefined && seconds < 86_400n ? seconds : undefined
  }
  const [hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => Number(part ?? 0))
  return hour > 23 || minute > 59 || second > 59 ? undefined : BigInt(hour * 3600 + minute * 60 + second)
}

function readDay(text: string, { symbols = {} }: TypeInfo): bigint | undefined {
  if (text.length < 3) return undefined
  const day = Object.keys(symbols).find((name) => name.toLowerCase().startsWith(text.toLowerCase()))
  return day === undefined ? undefined : BigInt(symbols[day]!)
}

/** A value as nft writes it, without quotes; a number where it has no name. */
export function formatValue(value: bigint | string, type: DataType, bits?: number): string {
  const formatted = valueName(value, type)
  if (formatted !== undefined) return formatted
  const { form } = typeInfo(type)
  if (form !== 'hex' && form !== 'flags') return String(value)
  const { unpadded } = typeInfo(type)
  const size = unpadded ? 0 : (bits ?? typeInfo(type).bits)
  return `0x${BigInt(value)
    .toString(16)
    .padStart(Math.ceil(size / 4), '0')}`
}

/** How a value is written that is more than a number; undefined where it is a number. JSON has such values as strings. */
export function valueName(value: bigint | string, type: DataType): string | undefined {
  if (typeof value === 'string') return value
  const { form, symbols, numeric } = typeInfo(type)
  const symbol = symbols && !numeric && value < 2n ** 31n ? symbolName(symbols, Number(value)) : undefined
  if (symbol !== undefined) return symbol
  switch (form) {
    case 'ipv4':
      return formatAddress({ bits: 32, value })
    case 'ipv6':
      return formatAddress({ bits: 128, value })
    case 'ethernet':
      return value
        .toString(16)
        .padStart(12, '0')
        .replace(/..(?!$)/g, '$&:')
    case 'handle':
      if (value === 0n) return 'none'
      if (value === ROOT_HANDLE) return 'root'
      return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
    case 'date':
      return new Date(Number(value / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ')
    case 'hour': {
      const part = (seconds: bigint) => String(seconds % 60n).padStart(2, '0')
      const seconds = value % 60n === 0n ? '' : `:${part(value)}`
      return `${String(value / 3600n).padStart(2, '0')}:${part(value / 60n)}${seconds}`
    }
    default:
      return undefined
  }
}

/** The bits of a value of a bit-mask type, lowest first. */
export function bitsOf(value: bigint): bigint[] {
  const bits: bigint[] = []
  for (let bit = 1n, rest = value; rest > 0n; bit <<= 1n, rest >>= 1n) if ((rest & 1n) === 1n) bits.push(bit)
  return bits
}
