import type { Packet } from '../../packet/packet.js'
import type { ObjectReference } from '../../ruleset/model.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import type { RunStatement } from '../program.js'
import { createXtablesStep } from '../xtables/step.js'
import type { Context } from './context.js'
import { createKeyReader, keyTypes } from './expression.js'
import { MapReader } from './lookup.js'
import { createMangle, NotrackStep } from './mangle.js'
import { createMatch } from './match.js'
import { ObjectMapStep, SlotStep } from './stateful.js'
import { createMeter, createUpdate } from './update.js'

/** Makes the step of a statement. */
export function createStep(statement: RunStatement, context: Context): Step {
  switch (statement.kind) {
    case 'match':
      return createMatch(statement, context)
    case 'limit':
    case 'quota':
    case 'ct count':
      return new SlotStep(context.slotsOf(statement))
    case 'mangle':
      return createMangle(statement, context)
    case 'notrack':
      return new NotrackStep()
    case 'set':
      return createUpdate(statement, context)
    case 'meter':
      return createMeter(statement, context)
    case 'object':
      return createObject(statement, context)
    case 'log':
      return new LogStep()
    case 'xtables':
      return createXtablesStep(statement, context.table.family, context.xtables)
  }
}

function createObject({ object, name }: ObjectReference, context: Context): Step {
  if (typeof name === 'string') return new SlotStep(context.objectOf(object, name))
  if (name.kind !== 'map') throw new TypeError('the name of an object comes from a map')
  const lookup = context.tables.of(name.map, keyTypes(name.key, context))
  const objects = lookup.targets.map((target) => context.objectOf(object, String(target)))
  return new ObjectMapStep(new MapReader(createKeyReader(name.key, lookup.parts, context), lookup), objects)
}

/** Says nothing to the verdict. */
class LogStep implements Step {
  run(_packet: Packet): OutcomeNumber {
    return Outcome.continue
  }
}
