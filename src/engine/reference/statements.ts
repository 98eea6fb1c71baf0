/** Statements other than verdicts: whether they let the rule go on. */
import { CtState } from '../../packet/packet.js'
import type { Mangle, ObjectReference, SetUpdate, Statement } from '../../ruleset/model.js'
import { dataTypes, partOf, typeOf } from '../../ruleset/types.js'
import { isTracked, writeConnection } from './connections.js'
import type { Context } from './context.js'
import { evaluate, lookUp } from './expressions.js'
import { type Compared, compare } from './matches.js'
import { type Step, stateOf } from './stateful.js'

export type Acting = Exclude<
  Statement,
  {
    kind:
      | 'accept'
      | 'drop'
      | 'continue'
      | 'return'
      | 'jump'
      | 'goto'
      | 'vmap'
      | 'reject'
      | 'queue'
      | 'xtables'
      | 'xtables target'
  }
>

/** Runs a statement of a rule; the index is its place in the rule. */
export function run(statement: Acting, index: number, context: Context): Compared {
  if (statement.kind === 'match') return compare(statement, context)
  return { step: act(statement, index, context), seen: undefined }
}

function act(statement: Exclude<Acting, { kind: 'match' }>, index: number, context: Context): Step {
  const { packet, table, memory, rule } = context
  switch (statement.kind) {
    case 'counter':
    case 'limit':
    case 'quota':
    case 'ct count':
      return memory.of(rule, index, () => stateOf(statement)).run(context)
    case 'window':
      return table.windows.get(statement.name)!.admit(packet) ? 'continue' : 'break'
    case 'object':
      return useObject(statement, context)
    case 'mangle':
      return mangle(statement, context)
    case 'set':
      return update(statement, context)
    case 'meter': {
      const key = evaluate(statement.key, context)
      if (key === undefined) return 'break'
      const { timeout, statement: carried } = statement
      return table
        .meter(statement, context)
        .add(key, timeout !== undefined, timeout, [carried], undefined, context)
    }
    case 'notrack':
      if (!isTracked(packet.ctState)) {
        packet.ctState = CtState.untracked
        packet.flow = -1
      }
      return 'continue'
    case 'log':
      return 'continue'
  }
}

function useObject({ object, name }: ObjectReference, context: Context): Step {
  if (typeof name === 'string') return context.table.object(object, name)!.run(context)
  if (name.kind !== 'map') throw new Error('objects are named by maps')
  const found = lookUp(name.map, name.key, context)
  if (typeof found === 'string') return found
  return context.table.object(object, found.data as string)!.run(context)
}

/** What the kernel takes for a packet type (skb_pkt_type_ok in include/linux/skbuff.h). */
const MOST_PACKET_TYPE = 3

function mangle({ key, value }: Mangle, context: Context): Step {
  const { packet, table } = context
  const [part] = typeOf(key, table.sets)!
  const set = evaluate(value, context, part!)?.[0]
  if (set === undefined) return 'break'
  if (key.kind === 'ct') writeConnection(key, set, context)
  if (key.kind !== 'meta') return 'continue'
  const number = Number(set)
  if (key.key === 'mark') packet.mark = number
  if (key.key === 'priority') packet.priority = number
  const isType = number <= MOST_PACKET_TYPE && packet.pkttype <= MOST_PACKET_TYPE
  if (key.key === 'pkttype' && isType) packet.pkttype = number
  return 'continue'
}

function update(statement: SetUpdate, context: Context): Step {
  const { table } = context
  const key = evaluate(statement.element, context)
  if (key === undefined) return 'break'
  const set = table.set(statement.set)!
  if (statement.operation === 'delete') {
    set.delete(key, context)
    return 'continue'
  }
  const spec = table.sets.find(({ name }) => name === statement.set)!
  const part = dataTypes(spec, table.sets)?.[0] ?? partOf('integer')
  const data = statement.data && evaluate(statement.data, context, part)
  if (statement.data !== undefined && data === undefined) return 'break'
  const { operation, timeout, statements } = statement
  return set.add(key, operation === 'update', timeout, statements, data, context)
}
