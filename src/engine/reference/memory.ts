import type { Rule } from '../../ruleset/model.js'

/** What the rules remember from packet to packet, by the rule and by what in it remembers. */
export class Memory {
  readonly #rules = new Map<Rule, Map<unknown, unknown>>()

  /** The state of `what` in a rule; `make` says how it begins. */
  of<T>(rule: Rule, what: unknown, make: () => T): T {
    const states = this.#rules.get(rule) ?? new Map<unknown, unknown>()
    this.#rules.set(rule, states)
    if (!states.has(what)) states.set(what, make())
    return states.get(what) as T
  }

  /** The same, if it has begun. */
  peek(rule: Rule, what: unknown): unknown {
    return this.#rules.get(rule)?.get(what)
  }

  /** All states of a rule that has any. */
  all(rule: Rule): readonly unknown[] {
    return [...(this.#rules.get(rule)?.values() ?? [])]
  }
}
