/** The search of chains with few rules, as functions of their own: see search.ts for what is written where. */
import { nodeAt } from './nodes.js'

/** The first rule that holds in a chain with these fields, or its END; UNKNOWN where the chain is none of the function's. */
export type Search = (fields: Int32Array, chain: number) => number
export const UNKNOWN = -1

const END = 0x7fffffff
/** Characters that the code of a chain, and of all chains, may have: V8 does not optimise what is much longer. */
const MOST = 8_000
const MOST_IN_ALL = 32_000

const interpreted: Search = () => UNKNOWN

/**
 * Writes the search of small chains as JavaScript: about twice as fast as `search` in a policy of a page, as V8 knows the
 * nodes as branches and the processor predicts each for itself (npm run bench -- judge). Only numbers of the program,
 * made by `literal`, reach the code; where a process forbids code from strings, there is none and `search` does it all.
 */
export function generateSearch(code: Int32Array, chains: readonly number[]): Search {
  const cases: string[] = []
  let length = 0
  for (const chain of new Set(chains)) {
    const text = chainText(code, chain)
    if (text === undefined || length + text.length > MOST_IN_ALL) continue
    length += text.length
    cases.push(`case ${literal(chain)}:{${text}}`)
  }
  if (cases.length === 0) return interpreted
  try {
    return new Function('f', 'chain', `switch(chain){${cases.join('')}}return ${UNKNOWN}`) as Search
  } catch (error) {
    if (error instanceof EvalError) return interpreted
    throw error
  }
}

class TooLong extends Error {}

/** Undefined for a chain that is too long, or that has several trees. */
function chainText(code: Int32Array, chain: number): string | undefined {
  if (code[chain] !== 1) return undefined
  let length = 0
  try {
    return entryText(code[chain + 4]!)
  } catch (error) {
    if (error instanceof TooLong) return undefined
    throw error
  }

  function entryText(entry: number): string {
    return bounded(entry < 0 ? leafText(~entry) : nodeText(entry))
  }

  function nodeText(at: number): string {
    const { column, base, shift, ways, others } = nodeAt(code, at)
    const value = `(f[${literal(column)}]-${literal(base)}>>>${literal(shift)}|0)`
    /** The numbers that lead to the same node or leaf. */
    const places = new Map<number, number[]>()
    for (const [place, entry] of ways) {
      if (entry !== others) places.set(entry, [...(places.get(entry) ?? []), place])
    }
    const cases = [...places].map(
      ([entry, same]) => `${same.map((place) => `case ${literal(place)}:`).join('')}{${entryText(entry)}}`,
    )
    return `switch${value}{${cases.join('')}default:{${entryText(others)}}}`
  }

  function leafText(start: number): string {
    let text = ''
    for (let at = start; code[at] !== END; at += 3 + code[at + 2]!) {
      const tests: string[] = []
      for (let test = at + 3; test < at + 3 + code[at + 2]!; test += 3) {
        const word = literal(code[test]!)
        const low = literal(code[test + 1]!)
        const span = code[test + 2]!
        tests.push(span === 0 ? `f[${word}]===${low}` : `f[${word}]-${low}>>>0<=${literal(span >>> 0)}`)
      }
      if (tests.length === 0) return `${text}return ${literal(at)}`
      text += `if(${tests.join('&&')})return ${literal(at)};`
    }
    return `${text}return ${literal(chain + 1)}`
  }

  function bounded(text: string): string {
    length += text.length
    if (length > MOST * 4 || text.length > MOST) throw new TooLong()
    return text
  }
}

/** A number as code; nothing but numbers gets into it. */
function literal(value: number): string {
  if (!Number.isInteger(value)) throw new TypeError(`${value} is no integer`)
  return value < 0 ? `(${value})` : String(value)
}
