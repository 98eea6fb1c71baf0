import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { needs } from './needs.js'
import { eventually, family, namespaces, type Process } from './processes.js'

const SANDBOX = resolve('scripts/sandbox.js')

function inside(script: string): string {
  return execFileSync(process.execPath, [SANDBOX, 'sh', '-c', script], { encoding: 'utf8' }).trim()
}

needs('sandbox')('the sandbox', () => {
  test('has a network of its own without a way out', () => {
    expect(inside('readlink /proc/self/ns/net')).not.toBe(readlinkSync('/proc/self/ns/net'))
    expect(inside('ls /sys/class/net >/dev/null; ip -brief link | cut -d" " -f1')).toBe('lo')
    expect(inside('ip route; ip -6 route | grep -v "^::1 "; true')).toBe('')
    const connect = `require('net').connect(443, '192.0.2.1').on('error', (error) => console.log(error.code))`
    expect(inside(`${process.execPath} -e "${connect}"`)).toBe('ENETUNREACH')
  })

  test('has a /run of its own, its temporary files there, and sees its own processes only', () => {
    expect(inside('ls /run')).toBe('tmp')
    expect(inside('dirname $(mktemp)')).toBe('/run/tmp')
    expect(inside('ip netns add here && ls /run/netns && ls /proc | grep -c "^[0-9]"')).toMatch(
      /^here\n[1-9]$/,
    )
    expect(inside('echo $PORTCULLIS_SANDBOX')).toBe('1')
  })

  test('may set firewall rules, and they stay inside', () => {
    const before = execFileSync('iptables', ['-S'], { encoding: 'utf8' })
    expect(inside('iptables -A INPUT -p tcp --dport 7 -j DROP && iptables -S INPUT')).toContain('--dport 7')
    expect(execFileSync('iptables', ['-S'], { encoding: 'utf8' })).toBe(before)
  })

  test('ends with the exit code of its command', () => {
    const status = (script: string) => spawnSync(process.execPath, [SANDBOX, 'sh', '-c', script]).status
    expect(status('exit 0')).toBe(0)
    expect(status('exit 42')).toBe(42)
    expect(status('kill -KILL $$')).toBe(128 + 9)
  })

  test('says so when the command does not exist', () => {
    const { status, stderr } = spawnSync(process.execPath, [SANDBOX, 'no-such-command'], { encoding: 'utf8' })
    expect(status).toBe(127)
    expect(stderr).toContain('no-such-command')
  })
})

// Two stray children, one of them in a session of its own, and a named namespace: all of it must go.
const COMMAND = `trap 'exit 7' TERM; trap 'exit 8' INT
ip netns add stray; sleep 1000 & setsid sleep 1000 & echo ready; while :; do sleep 0.05; done`

const ROLES: Record<string, (process: Process) => boolean> = {
  npm: ({ args }) => args[0] === 'npm start' || args.some((arg) => /npm(-cli\.js)?$/.test(arg)),
  'the node wrapper': ({ args }) => args[1] === SANDBOX,
  unshare: ({ args }) => args[0] === 'unshare',
  'process 1 of the sandbox': ({ args }) => args[0] === 'sh' && args[2]!.startsWith('mount '),
  'the command': ({ args }) => args[0] === 'sh' && args[2] === COMMAND,
}

needs('sandbox')('a sandbox under npm', () => {
  let folder: string
  const mark = randomUUID()
  const members = () => family('PORTCULLIS_TEST_MARK', mark)
  const member = (role: string) => members().find(ROLES[role]!)

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'npm-'))
  })

  afterEach(() => {
    for (const { pid } of members()) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true })
  })

  async function start(): Promise<{ ended: Promise<number | null> }> {
    const script = `${process.execPath} ${SANDBOX} sh -c "$PORTCULLIS_TEST_COMMAND"`
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { start: script } }))
    const env = { ...process.env, PORTCULLIS_TEST_MARK: mark, PORTCULLIS_TEST_COMMAND: COMMAND }
    const npm = spawn('npm', ['start', '--silent'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = new Promise<number | null>((settle) => npm.once('close', settle))
    const died = ended.then((code) => Promise.reject(new Error(`npm start ended with ${code}`)))
    await Promise.race([once(npm.stdout, 'data'), died])
    return { ended }
  }

  describe.each(Object.keys(ROLES))('when %s is killed with SIGKILL', (role) => {
    test('leaves no process, no namespace and no mount', async () => {
      const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      const before = namespaces()
      const { ended } = await start()
      expect(namespaces().length).toBeGreaterThan(before.length)

      process.kill(member(role)!.pid, 'SIGKILL')

      expect(await eventually(() => members().length === 0)).toBe(true)
      await ended
      expect(namespaces()).toEqual(before)
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts)
    })
  })

  test.each([
    ['SIGTERM', 7],
    ['SIGINT', 8],
  ] as const)(
    'passes %s on, ends with the exit code of the command and leaves nothing',
    async (signal, code) => {
      const before = namespaces()
      const { ended } = await start()
      process.kill(member('the node wrapper')!.pid, signal)
      expect(await ended).toBe(code)
      expect(await eventually(() => members().length === 0)).toBe(true)
      expect(namespaces()).toEqual(before)
    },
  )
})
