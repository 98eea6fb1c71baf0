import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { heavyCaptures, hostileCaptures } from './support/hostile.js'
import { captureFolder, pieces, readAll } from './support/read.js'
import { readPlainly } from './support/reference.js'

const folder = captureFolder()
const captures = hostileCaptures()
/** Beside the 44 MiB that Node 20 takes by itself: 64 in all. */
const MOST_MEMORY = 20 * 2 ** 20

describe('a hostile capture gives an error, or is said to be cut', () => {
  test('there are a hundred of them', () => {
    expect(new Set(captures.map(([name]) => name)).size).toBe(captures.length)
    expect(captures.length).toBeGreaterThanOrEqual(100)
  })

  test.each(captures)('%s', async (_, bytes) => {
    const { end, error, packets } = await readAll(pieces(bytes))
    expect(end).not.toBe('whole')
    expect(error!.message).toMatch(/^the stream: /)
    expect(error!.message.length).toBeLessThan(400)
    if (bytes.length < 10_000 && bytes[0] !== 0x1f)
      expect({ end, packets: packets.length }).toEqual({ end, packets: readPlainly(bytes).packets.length })
  })
})

describe('in under 64 MB are read', () => {
  // Not resourceUsage: its maximum is also that of the process that started this one.
  const code = `import { readFileSync } from 'node:fs'
    import { openCapture } from './dist/src/capture/open.js'
    let told = 0
    for (const file of process.argv.slice(1)) {
      try {
        const capture = await openCapture(file)
        while (await capture.fill()) while (capture.next());
        if (capture.truncated) told++
        capture.close()
      } catch (error) {
        if (error.name !== 'CaptureError') throw error
        told++
      }
    }
    console.log(told, /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1] * 1024)`

  /** How many of the files were said to be damaged or cut, and the most memory that the process had. */
  function read(files: readonly string[]): number[] {
    const args = ['--input-type=module', '-e', code, ...files]
    return execFileSync(process.execPath, args, { encoding: 'utf8' }).split(' ').map(Number)
  }

  const [, bare] = read([])
  function check(captures: readonly (readonly [string, Uint8Array])[]): void {
    const [told, memory] = read(captures.map(([, bytes], i) => folder.put(`${i}.cap`, bytes)))
    expect(told).toBe(captures.length)
    expect(memory! - bare!).toBeLessThan(MOST_MEMORY)
  }

  const heavy = heavyCaptures()
  const names = new Set(heavy.map(([name]) => name))
  const small = captures.filter(([name]) => !names.has(name))
  test.each([0, 1, 2, 3])('the small ones, a quarter at a time: %s', (quarter) => {
    check(small.filter((_, i) => i % 4 === quarter))
  })
  test.each(heavy)('%s', (...capture) => check([capture]))
})
