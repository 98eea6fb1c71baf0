import { CaptureError, systemError } from './error.js'
import { Input } from './input.js'
import { HEADER, isPcap, PcapReader } from './pcap.js'
import { Block, PcapngReader } from './pcapng.js'
import type { CaptureReader } from './reader.js'
import { type ByteSource, ChunkSource, openSource, STDIN } from './source.js'

const KNOWN = 'captures are known as pcap and pcapng, also packed with gzip'

/**
 * Opens a capture: a file by its path, standard input for `-`, or chunks from anywhere. What it is, its first bytes
 * say. Rejects with CaptureError.
 */
export async function openCapture(from: string | AsyncIterable<Uint8Array>): Promise<CaptureReader> {
  const file = from === STDIN ? 'standard input' : typeof from === 'string' ? from : 'the stream'
  const input = new Input(open(file, from))
  try {
    await input.unpack()
    if (!(await input.need(1))) throw new CaptureError(file, 'it is empty')
    const { view } = input
    if (!(await input.need(4))) throw new CaptureError(file, 'it is no capture', { hint: KNOWN })
    if (view.getUint32(0) === Block.section) return new PcapngReader(file, input)
    if (!isPcap(view, 0)) throw new CaptureError(file, 'it is no capture', { hint: KNOWN })
    if (!(await input.need(HEADER)))
      throw new CaptureError(file, `it ends within its header, after ${input.end} bytes`, {
        offset: input.end,
      })
    return new PcapReader(file, input)
  } catch (error) {
    input.close()
    throw error instanceof CaptureError ? error : systemError(file, error)
  }
}

function open(file: string, from: string | AsyncIterable<Uint8Array>): ByteSource {
  try {
    return typeof from === 'string' ? openSource(from) : new ChunkSource(from)
  } catch (error) {
    throw systemError(file, error)
  }
}
