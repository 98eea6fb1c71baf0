import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { createGunzip, type ZlibOptions } from 'node:zlib'

/**
 * Where a capture's bytes come from. A file is read at once, which is the fastest; what has to be waited for (a pipe,
 * inflated data) gives a promise. Whoever reads 256 KiB at a time can await both.
 */
export interface ByteSource {
  /** Puts up to `length` bytes at `at`; how many, 0 at the end. Throws, or rejects, with the system's error. */
  read(into: Uint8Array, at: number, length: number): number | Promise<number>
  close(): void
  /** Bytes that were read so far, and that there are; undefined if nobody knows. */
  readonly position: number
  readonly size: number | undefined
  /** At the end: why it came too early, if it did. */
  readonly cut: string | undefined
}

/** Name of standard input where a file is asked for. */
export const STDIN = '-'

/** Opens a file, a pipe, or standard input for `-`. Throws the system's error. */
export function openSource(file: string): ByteSource {
  const fd = file === STDIN ? 0 : openSync(file, 'r')
  const stat = fstatSync(fd)
  if (stat.isFile()) return new FileSource(fd, stat.size)
  if (stat.isDirectory()) {
    closeSync(fd)
    throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
  }
  return new ChunkSource(file === STDIN ? process.stdin : createReadStream(file, { fd }))
}

class FileSource implements ByteSource {
  readonly #fd: number
  readonly size: number
  readonly cut = undefined
  position = 0

  constructor(fd: number, size: number) {
    this.#fd = fd
    this.size = size
  }

  read(into: Uint8Array, at: number, length: number): number {
    const read = readSync(this.#fd, into, at, length, null)
    this.position += read
    return read
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Chunks of any size as they come; what the iterator returns at its end is the reason for a cut. */
export class ChunkSource implements ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array, unknown>
  #rest: Uint8Array = new Uint8Array(0)
  position = 0
  readonly size = undefined
  cut: string | undefined

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  async read(into: Uint8Array, at: number, length: number): Promise<number> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next()
      if (done) {
        if (typeof value === 'string') this.cut = value
        return 0
      }
      this.#rest = value
    }
    const taken = Math.min(length, this.#rest.length)
    into.set(this.#rest.subarray(0, taken), at)
    this.#rest = this.#rest.subarray(taken)
    this.position += taken
    return taken
  }

  close(): void {
    this.#chunks.return?.().catch(() => {})
  }
}

/** Bytes of packed data taken at a time. */
const PIECE = 65_536
/** What is inflated at once, and how far ahead of us: more is quicker, and leaves more garbage behind at its height. */
const INFLATE = { chunkSize: 24_576, readableHighWaterMark: 131_072 } as ZlibOptions

/**
 * Inflates gzip members. One piece of packed data is taken at a time, and only once all that came of the last one was
 * read: a small file that inflates to a huge one takes no memory, and what a cut file still holds is not lost.
 *
 * `first`: what was already read of `source`. Returns why the data ended early, if they did.
 */
export async function* gunzip(
  source: ByteSource,
  first: Uint8Array,
): AsyncGenerator<Uint8Array, string | undefined> {
  const inflate = createGunzip(INFLATE)
  let failure: NodeJS.ErrnoException | undefined
  let ended = false
  let wake = () => {}
  inflate
    .on('readable', () => wake())
    .on('end', () => {
      ended = true
      wake()
    })
    .on('error', (error) => {
      failure = error
      wake()
    })
  const buffer = new Uint8Array(PIECE)
  try {
    let piece = first
    while (!ended && failure === undefined) {
      let taken = false
      const last = piece.length === 0
      if (last) inflate.end()
      else
        inflate.write(piece, () => {
          taken = true
          wake()
        })
      while (!ended && failure === undefined) {
        const chunk: Uint8Array | null = inflate.read()
        if (chunk !== null) yield chunk
        else if (taken) break
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
      if (!last) piece = buffer.subarray(0, await source.read(buffer, 0, PIECE))
    }
  } finally {
    inflate.destroy()
  }
  if (failure === undefined) return undefined
  if (failure.code === 'Z_BUF_ERROR') return 'its gzip data end early'
  throw failure
}
