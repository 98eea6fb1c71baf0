/** net/netfilter/xt_u32.c */
import type { Packet } from '../../packet/packet.js'
import type { U32Match, U32Test } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const [AND, LEFT, RIGHT, AT] = [0, 1, 2, 3]
const OPERATORS = { '&': AND, '<<': LEFT, '>>': RIGHT, '@': AT }

export function u32Step({ tests, invert = false }: U32Match): Step {
  const ready = tests.map(testOf)
  return {
    run(packet: Packet): OutcomeNumber {
      let all = true
      for (let i = 0; all && i < ready.length; i++) all = ready[i]!(packet)
      return all !== invert ? CONTINUE : BREAK
    },
  }
}

/** A test by its numbers alone, unsigned of 32 bits each. */
function testOf({ start, operations, values }: U32Test): (packet: Packet) => boolean {
  const operators = Uint8Array.from(operations, ({ operator }) => OPERATORS[operator])
  const numbers = Uint32Array.from(operations, ({ number }) => number)
  const bounds = Uint32Array.from(values.flatMap(({ from, to }) => [from, to]))
  return ({ view, network, end }) => {
    const length = end - network
    if (length < 4 || start > length - 4) return false
    let value = view.getUint32(network + start)
    let base = 0
    for (let i = 0; i < operators.length; i++) {
      const number = numbers[i]!
      switch (operators[i]) {
        case AND:
          value = (value & number) >>> 0
          break
        case LEFT:
          value = (value << number) >>> 0
          break
        case RIGHT:
          value = value >>> number
          break
        default:
          base += value
          if (base + number > length - 4) return false
          value = view.getUint32(network + base + number)
      }
    }
    for (let i = 0; i < bounds.length; i += 2) if (value >= bounds[i]! && value <= bounds[i + 1]!) return true
    return false
  }
}
