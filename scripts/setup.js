// Makes a clean clone ready to run, and costs a few milliseconds when it already is.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { utimes, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fail, runChild } from './child.js'
import { buildGrammar, grammarBuilt } from './grammar.js'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const OLDEST_NODE = [20, 19]
const PACKAGE_OF = {
  unshare: 'util-linux',
  setpriv: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  iptables: 'iptables',
  ip6tables: 'iptables',
  nft: 'nftables',
  tcpdump: 'tcpdump',
  capinfos: 'wireshark-common',
  gcc: 'gcc libc6-dev',
  'pcap-config': 'libpcap-dev',
  make: 'make',
  python3: 'python3',
  'redis-server': 'redis-server',
  'qemu-system-x86_64': 'qemu-system-x86',
  depmod: 'kmod',
  cpio: 'cpio',
}

/** What every sandbox needs. */
export const SANDBOX_TOOLS = ['unshare', 'setpriv', 'mount', 'ip', 'iptables', 'ip6tables']

/**
 * Installs and builds whatever is missing or older than its sources.
 * @param {string[]} tools programs that what comes next will start
 */
export async function setup(tools = []) {
  checkNode()
  process.chdir(root)
  if (process.platform === 'linux') await installTools(tools)
  if (installed() && addonBuilt() && grammarBuilt() && compiled()) return
  await locked(async () => {
    // Whoever held the lock before us may have done it all.
    if (!installed()) await install()
    if (!addonBuilt()) await buildAddon()
    // The parser is a source of what is compiled.
    if (!grammarBuilt()) await buildGrammar()
    if (!compiled()) await compile()
  })
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_NODE
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    fail(`this is Node ${process.versions.node}, and Portcullis needs ${OLDEST_NODE.join('.')} or later`)
}

// Debian packages

async function installTools(tools) {
  const missing = tools.filter((tool) => !inPath(tool))
  if (missing.length === 0) return
  const packages = [...new Set(missing.flatMap((tool) => PACKAGE_OF[tool].split(' ')))]
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (!inPath('apt-get')) fail(`missing: ${missing.join(', ')}. On Debian they come with: ${command}`)
  if (process.getuid() !== 0)
    fail(`missing: ${missing.join(', ')}. Install them with:\n\n  sudo ${command}\n`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await step(`installing ${packages.join(', ')}`, 'apt-get', ['update'], env)
  await step(undefined, 'apt-get', command.split(' ').slice(1), env)
}

/** Unpacks a Debian package into dist/debian, without installing it; says so if it cannot be had. */
export async function unpackDebian(name) {
  const folder = join(root, 'dist/debian', name)
  if (existsSync(folder) || !inPath('apt-get')) return
  const fresh = `${folder}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  // apt-get downloads into the folder that it is started in.
  const script = `cd "$1" && apt-get download "$2" && dpkg-deb -x ./*.deb . && rm ./*.deb`
  const { code } = await runChild('sh', ['-c', script, 'sh', fresh, name], { capture: true })
  if (code === 0 && !existsSync(folder)) renameSync(fresh, folder)
  else if (code !== 0) say(`the Debian package ${name} cannot be downloaded: apt-get update may help`)
}

function inPath(tool) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.some((folder) => permits(join(folder, tool), constants.X_OK))
}

function permits(path, mode) {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

// npm packages

/** Whether npm's own record of what it installed agrees with the lock file. */
function installed() {
  const record = packagesIn('node_modules/.package-lock.json')
  const wanted = packagesIn('package-lock.json')
  if (!record || !wanted) return false
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (path === '') return true
    if (link) return existsSync(path)
    return path in record ? record[path].version === version : optional === true
  })
}

function packagesIn(lockFile) {
  const json = text(lockFile)
  return json && JSON.parse(json).packages
}

async function install() {
  if (process.platform === 'linux') await installTools(COMPILER)
  await npm('installing npm packages', ['ci', '--include=dev', '--include=optional'])
}

/** Runs npm, also for users without a home folder (nobody, many a CI), with its temporary files in the lock's folder. */
async function npm(title, args) {
  const env = { ...process.env, TMPDIR: join(root, LOCK) }
  // Node's own headers, where they are installed: node-gyp would download them otherwise.
  const prefix = dirname(dirname(process.execPath))
  if (existsSync(join(prefix, 'include/node/node_api.h'))) env.npm_config_nodedir = prefix
  // gyp links with g++ though C alone needs none.
  if (!inPath('g++')) env.CXX ??= 'gcc'
  if (!creatable(env.npm_config_cache ?? join(env.HOME ?? '/', '.npm')))
    env.npm_config_cache = join(root, LOCK, 'npm')
  await step(title, 'npm', args, env)
}

function creatable(path) {
  return existsSync(path) ? permits(path, constants.W_OK) : creatable(dirname(path))
}

// The native addon

const COMPILER = ['gcc', 'make', 'python3']

function addonBuilt() {
  if (process.platform !== 'linux' || !existsSync('native/binding.gyp')) return true
  const addons = files('native/build/Release').filter((path) => path.endsWith('.node'))
  const sources = ['native/binding.gyp', ...files('native/src')]
  return addons.length > 0 && newest(addons) >= newest(sources)
}

async function buildAddon() {
  await installTools(COMPILER)
  await npm('building the native addon', ['rebuild', 'node-netfilter-queue'])
  if (addonBuilt()) return
  // The package's install script ends well without a compiler too, and leaves the reason here.
  const reason = text('native/install-failure.txt') ?? 'no native/build/Release/*.node came of it'
  fail(`the native addon could not be built: ${reason.trim()}`)
}

// TypeScript

const STAMP = 'dist/.built'

function compiled() {
  // Folders count too: their times tell of files that went away.
  const sources = ['src', 'bench', 'scripts', 'test/support', 'test/kernel/differential'].flatMap(
    (folder) => [folder, ...files(folder)],
  )
  const relevant = sources.filter((path) => /\.ts$|\/[^.]*$|^\w+$/.test(path))
  return newest([STAMP]) >= newest([...relevant, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'])
}

async function compile() {
  const started = new Date()
  await step('compiling', process.execPath, [
    'node_modules/typescript/bin/tsc',
    '--project',
    'tsconfig.build.json',
  ])
  await writeFile(STAMP, '')
  // What was saved while the compiler ran is newer than what it read.
  await utimes(STAMP, started, started)
}

// Files and times

function files(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules') return []
    const path = `${folder}/${entry.name}`
    return entry.isDirectory() ? [path, ...files(path)] : [path]
  })
}

function text(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

function newest(paths) {
  return Math.max(0, ...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0))
}

// One set-up at a time

const LOCK = 'dist/.setup'
const CLEARING = 'dist/.clearing'
const HEARTBEAT_MS = 1_000
const STALE_MS = 5_000

async function locked(work) {
  mkdirSync('dist', { recursive: true })
  let waiting = false
  while (!acquire()) {
    if (!waiting) say('another set-up is running here, waiting for it')
    waiting = true
    await sleep(200)
  }
  // A pid would mean nothing in another namespace; a fresh time stamp means somebody is alive.
  const heartbeat = setInterval(() => utimes(LOCK, new Date(), new Date()).catch(() => {}), HEARTBEAT_MS)
  process.once('exit', release)
  await work()
  clearInterval(heartbeat)
  process.off('exit', release)
  release()
}

function acquire() {
  if (make(LOCK)) return true
  // Its holder is dead. One of those who wait clears it away, and looks again first: another may just have done so.
  if (isStale(LOCK) && (make(CLEARING) || isStale(CLEARING))) {
    if (isStale(LOCK)) release()
    rmSync(CLEARING, { recursive: true, force: true })
  }
  return false
}

/** Makes a folder; false if it is there. */
function make(path) {
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    return fail(`cannot write to ${join(root, 'dist')}: ${error.message}`)
  }
}

function isStale(path) {
  const time = newest([path])
  return time > 0 && Date.now() - time > STALE_MS
}

function release() {
  rmSync(LOCK, { recursive: true, force: true })
}

// Steps

async function step(title, command, args, env = process.env) {
  if (title) say(title)
  const { code, signal, output } = await runChild(command, args, { capture: true, env })
  if (signal) fail(`interrupted while running ${command}`)
  if (code === 0) return
  process.stderr.write(output)
  fail(`${[command, ...args].join(' ')} failed (exit code ${code})`)
}

function say(text) {
  process.stderr.write(`portcullis: ${text}\n`)
}
