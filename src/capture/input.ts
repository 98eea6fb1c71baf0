import { type ByteSource, ChunkSource, gunzip } from './source.js'

/** The most that may have been captured of a packet, as libpcap and Wireshark have it (MAXIMUM_SNAPLEN). */
export const LARGEST_PACKET = 262_144
/** Room for a packet with its headers, comments and other options: what is longer is not looked at, but passed over. */
export const LARGEST_RECORD = LARGEST_PACKET + 131_072
/** Bytes read at a time: more do not fit into the caches near the processor. */
const CHUNK = 262_144

const GZIP = [0x1f, 0x8b]

/**
 * The part of a capture that is in memory: one buffer, in which what is not read yet moves to the front when more is
 * brought. `at` may be moved past `end` to pass over what is not there yet.
 */
export class Input {
  readonly bytes = new Uint8Array(LARGEST_RECORD + CHUNK)
  readonly view = new DataView(this.bytes.buffer)
  /** The first byte that is not read yet, and the first that is not there. */
  at = 0
  end = 0
  /** Offset in the capture of the buffer's first byte. */
  base = 0
  #source: ByteSource
  readonly #file: ByteSource
  #closed = false

  constructor(source: ByteSource) {
    this.#file = source
    this.#source = source
  }

  /** Bytes of the file that were read, and that it has, if that is known. */
  get position(): number {
    return this.#file.position
  }
  get size(): number | undefined {
    return this.#file.size
  }

  /** Why the bytes ended before the capture did; undefined if they did not. */
  get cut(): string | undefined {
    return this.#source.cut ?? (this.at === this.end ? undefined : 'it ends in the middle of a record')
  }

  /**
   * Brings more bytes; false if there are none. Rejects with the system's or zlib's error.
   * Fewer than LARGEST_RECORD bytes may be unread.
   */
  async fill(): Promise<boolean> {
    for (;;) {
      const { at, end } = this
      const kept = Math.min(at, end)
      this.bytes.copyWithin(0, kept, end)
      this.base += kept
      this.at -= kept
      this.end -= kept
      const read = this.#source.read(this.bytes, this.end, CHUNK)
      const got = typeof read === 'number' ? read : await read
      if (got === 0) return false
      this.end += got
      if (this.at < this.end) return true
    }
  }

  /** Brings bytes until so many are unread; false if there are not so many. */
  async need(length: number): Promise<boolean> {
    while (this.end - this.at < length) if (!(await this.fill())) return false
    return true
  }

  /** From here on the bytes are inflated, if they are packed with gzip. Called once, at the start. */
  async unpack(): Promise<void> {
    if (!(await this.need(GZIP.length)) || GZIP.some((byte, i) => this.bytes[i] !== byte)) return
    this.#source = new ChunkSource(gunzip(this.#file, this.bytes.slice(0, this.end)))
    this.end = 0
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#source !== this.#file) this.#source.close()
    this.#file.close()
  }
}
