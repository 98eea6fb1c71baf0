import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { CaptureError } from '../../../src/capture/error.js'
import { openCapture } from '../../../src/capture/open.js'
import type { CaptureReader } from '../../../src/capture/reader.js'
import { hex, type ReadCapture, type ReadPacket } from './reference.js'

/** What the reader says of its packet, as the reference says it. */
export function packetOf(capture: CaptureReader): ReadPacket {
  const { frame, captured, length, direction, offset, stamp } = capture
  const { linkType, name } = capture.interfaces[capture.interface]!
  return {
    offset,
    interface: capture.interface,
    linkType,
    name,
    time: BigInt(stamp[0]!) * 10n ** 9n + BigInt(stamp[1]!),
    bytes: hex(capture.bytes.subarray(frame, frame + captured)),
    length,
    direction,
    comment: capture.comment(),
  }
}

/** Reads a capture to its end; an error of another kind than CaptureError is thrown. */
export async function readAll(
  from: string | AsyncIterable<Uint8Array>,
): Promise<ReadCapture & { error?: CaptureError }> {
  const packets: ReadPacket[] = []
  let capture: CaptureReader | undefined
  try {
    capture = await openCapture(from)
    while (await capture.fill()) while (capture.next()) packets.push(packetOf(capture))
    if (capture.truncated === undefined) return { packets, end: 'whole' }
    return { packets, end: 'cut', error: capture.truncated }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error
    return { packets, end: 'wrong', error }
  } finally {
    capture?.close()
  }
}

/** Bytes in pieces of the given sizes, again and again. */
export async function* pieces(bytes: Uint8Array, sizes: readonly number[] = [bytes.length || 1]) {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    yield bytes.slice(at, at + size)
    at += size
  }
}

/** A folder for the captures of a test file, which is removed after its tests. */
export function captureFolder() {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-capture-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const path = (name: string) => join(folder, name)
  return {
    path,
    /** Writes a file; its path. */
    put(name: string, bytes: Uint8Array): string {
      writeFileSync(path(name), bytes)
      return path(name)
    },
  }
}
