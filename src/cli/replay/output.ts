/** Characters that are written at once. */
const CHUNK = 65_536

/** Lines for standard output, many at a time. */
export class Output {
  readonly #stream: NodeJS.WritableStream
  #text = ''

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      // Whoever reads has had enough.
      process.exit(0)
    })
  }

  print(line: string): void {
    this.#text += `${line}\n`
    if (this.#text.length >= CHUNK) this.flush()
  }

  flush(): void {
    if (this.#text !== '') this.#stream.write(this.#text)
    this.#text = ''
  }
}
