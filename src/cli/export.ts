import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { floorOf } from '../floor/floor.js'
import { floorText, removalText } from '../floor/text.js'
import { FLOOR_MODES, type FloorMode } from '../ruleset/model.js'
import { parseOptions } from './arguments.js'
import { Failure, Misuse } from './errors.js'
import { loadPolicy } from './policy.js'

export const usage = `portcullis export --floor [--mode same|management|closed] [--save FOLDER] FILE

Prints the floor of a policy or ruleset: rules for the kernel, as text for nft -f, that accept nothing that it would drop.

  --mode MODE    same: all that the kernel can say; management: SSH and what is named so, and connections that live;
                 closed: loopback and neighbour discovery alone (default: what the policy says under floor, or same)
  --save FOLDER  writes it to floor.nft there, the closed one to closed.nft, and what takes them down to down.nft, if the
                 kernel takes them; otherwise the last good ones stay (examples/portcullis-floor.service loads them from
                 /var/lib/portcullis at boot)

A limit becomes the nearest rate that lets through no more. What the kernel cannot say is dropped there, and named.`

export function exportFloor(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, {
    floor: { type: 'boolean', default: false },
    mode: { type: 'string' },
    save: { type: 'string' },
  })
  if (!values.floor) throw new Misuse('export needs --floor')
  const mode = modeOf(values.mode)
  const { ruleset } = loadPolicy(positionals)
  const floor = floorOf(ruleset, mode)
  const text = floorText(floor)
  if (values.save === undefined) process.stdout.write(text)
  else {
    const closed = floorText(floorOf(ruleset, 'closed'))
    save(values.save, { 'floor.nft': text, 'closed.nft': closed, 'down.nft': removalText(floor) })
  }
  for (const { message, position } of floor.lost) {
    const place = position === undefined ? '' : `${position.file}:${position.line}:${position.column}: `
    process.stderr.write(`${place}not on the floor: ${message}\n`)
  }
}

function modeOf(text: string | undefined): FloorMode | undefined {
  const mode = FLOOR_MODES.find((each) => each === text)
  if (text !== undefined && mode === undefined) throw new Misuse(`--mode knows ${FLOOR_MODES.join(', ')}`)
  return mode
}

/** Writes files that nft takes, all of them or none. */
function save(folder: string, texts: Readonly<Record<string, string>>): void {
  const files = Object.entries(texts).map(([name, text]) => ({ text, path: join(folder, name) }))
  try {
    mkdirSync(folder, { recursive: true })
    for (const { path, text } of files) {
      writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true })
      check(`${path}.new`)
    }
    for (const { path } of files) renameSync(`${path}.new`, path)
  } catch (error) {
    for (const { path } of files) rmSync(`${path}.new`, { force: true })
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    throw new Failure(`the floor cannot be saved: ${(error as Error).message}`)
  }
}

/** Asks the kernel whether it would take a file; throws Failure if not. */
function check(path: string): void {
  const { status, stderr, error } = spawnSync('nft', ['-c', '-f', path], { encoding: 'utf8' })
  if (error !== undefined) throw new Failure(`nft cannot be run (${error.message}): install nftables`)
  if (status !== 0)
    throw new Failure(`the kernel does not take this floor; the last good one stays:\n${stderr.trimEnd()}`)
}
