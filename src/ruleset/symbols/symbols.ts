/** Names of a datatype's numbers. Of two names of one number the first is printed. */
export type Symbols = Readonly<Record<string, number>>

const inverses = new WeakMap<Symbols, ReadonlyMap<number, string>>()

/** The number that a name stands for. */
export function symbolValue(symbols: Symbols, name: string): number | undefined {
  return Object.hasOwn(symbols, name) ? symbols[name] : undefined
}

/** The name that is printed for a number. */
export function symbolName(symbols: Symbols, value: number): string | undefined {
  let inverse = inverses.get(symbols)
  if (inverse === undefined) {
    inverse = new Map(
      Object.entries(symbols)
        .reverse()
        .map(([name, number]) => [number, name]),
    )
    inverses.set(symbols, inverse)
  }
  return inverse.get(value)
}
