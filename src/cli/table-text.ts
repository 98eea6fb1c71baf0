/** A table for people: columns as wide as what stands in them. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows]
  // Not by spreading: there may be a hundred thousand lines.
  const widths = head.map((_, column) =>
    lines.reduce((width, line) => Math.max(width, line[column]!.length), 0),
  )
  const text = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return `${lines.map(text).join('\n')}\n`
}
