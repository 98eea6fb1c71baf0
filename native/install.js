/*
 * Compiles the addon with node-gyp. Where that cannot work (not Linux, no compiler) it leaves the
 * reason in install-failure.txt, from where `openQueue` quotes it, and lets the installation succeed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const here = import.meta.dirname
const failureFile = join(here, 'install-failure.txt')

/** Headers that came with this Node: with them node-gyp need not download any. */
function headerOptions() {
  const prefix = dirname(dirname(process.execPath))
  const shipped = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  return shipped && !process.env.npm_config_nodedir ? [`--nodedir=${prefix}`] : []
}

/** Why the addon could not be compiled, or undefined. */
function compile() {
  if (process.platform !== 'linux') return `NFQUEUE is a part of Linux; this is ${process.platform}`
  const gyp = process.env.npm_config_node_gyp
  const [command, ...start] = gyp ? [process.execPath, gyp] : ['node-gyp']
  const run = spawnSync(command, [...start, 'rebuild', ...headerOptions()], { cwd: here, encoding: 'utf8' })
  if (run.error) return `node-gyp could not be started: ${run.error.message}`
  if (run.status === 0) return undefined
  const log = `${run.stdout}${run.stderr}`.trim()
  const errors = log.split('\n').filter((line) => /error|not found|No such file/i.test(line))
  return (errors.length > 0 ? errors.slice(0, 5) : log.split('\n').slice(-5)).join('\n')
}

rmSync(failureFile, { force: true })
const failure = compile()
if (failure) {
  rmSync(join(here, 'build'), { recursive: true, force: true })
  writeFileSync(failureFile, `${failure}\n`)
  console.warn(`node-netfilter-queue: not compiled, queues cannot be opened.\n${failure}`)
}
