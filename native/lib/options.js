import { FLAGS, QueueError } from './errors.js'

const integers = {
  number: { least: 0, most: 65535 },
  copyRange: { least: 0, most: 65531, preset: 65531 },
  maxLength: { least: 1, most: 0xffffffff, preset: 4096 },
  receiveBuffer: { least: 1, most: 0x3fffffff, preset: 8 * 1024 * 1024 },
  descriptor: { least: 0, most: 0x7fffffff, preset: -1 },
}
const booleans = ['failOpen', 'uidGid', 'conntrack']
const names = [...Object.keys(integers), ...booleans, 'onError']

const bad = (message) => new QueueError('BAD_OPTION', `openQueue: ${message}`)

function show(value) {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function integer(options, name) {
  const { least, most, preset } = integers[name]
  const value = options[name]
  if (value === undefined && preset !== undefined) return preset
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw bad(`${name} must be an integer from ${least} to ${most}, not ${show(value)}`)
}

function boolean(options, name) {
  const value = options[name] === undefined ? false : options[name]
  if (typeof value === 'boolean') return value
  throw bad(`${name} must be true or false, not ${show(value)}`)
}

/** Checks what openQueue was given and fills in the defaults; throws a QueueError BAD_OPTION. */
export function checkOptions(options, onBatch) {
  if (options === null || typeof options !== 'object')
    throw bad(`options must be an object, not ${show(options)}`)
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined) throw bad(`there is no option ${show(unknown)}; there are ${names.join(', ')}`)
  if (typeof onBatch !== 'function') throw bad(`onBatch must be a function, not ${show(onBatch)}`)
  const { onError } = options
  if (onError !== undefined && typeof onError !== 'function') {
    throw bad(`onError must be a function, not ${show(onError)}`)
  }
  const checked = { onError }
  for (const name of Object.keys(integers)) checked[name] = integer(options, name)
  for (const name of booleans) checked[name] = boolean(options, name)
  checked.flags = FLAGS.reduce((flags, { flag, option }) => (checked[option] ? flags | flag : flags), 0)
  return checked
}
