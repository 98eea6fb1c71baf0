import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { mangleRules, openGate, portcullis } from './support/gate.js'
import {
  CLIENT,
  connection,
  connects,
  execute,
  makeHosts,
  removeHosts,
  SERVER,
  serve,
} from './support/namespaces.js'

const POLICY = 'examples/ai-server.yaml'

needs('nfqueue')('portcullis run', () => {
  let folder: string

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-gate-'))
    makeHosts()
    await serve(SERVER, 11434)
    await serve(SERVER, 22)
  })

  afterEach(async () => {
    await removeHosts()
    rmSync(folder, { recursive: true })
  })

  test('lets in what the policy allows, in both IP versions, and says what it refused', async () => {
    const gate = await openGate(POLICY)
    expect(connects(CLIENT, SERVER.ipv4, 11434)).toBe(true)
    expect(connects(CLIENT, SERVER.ipv6, 11434)).toBe(true)
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
    expect(connects(CLIENT, SERVER.ipv6, 22)).toBe(false)
    expect(await gate.logged('denied')).toMatchObject({
      rule: 'portcullis input',
      hook: 'input',
      protocol: 'tcp',
      source: CLIENT.ipv4,
      destination: SERVER.ipv4,
      destinationPort: 22,
    })
    expect(await gate.end('SIGTERM')).toBe(0)
    expect(gate.log.at(-1)).toMatchObject({ event: 'stopped' })
    expect(gate.log.at(-2)).toMatchObject({ event: 'summary', malformed: 0, eventsLost: 0 })
    expect(gate.log.at(-2)?.rules).toMatchObject({ 'input ollama': { packets: 2 } })
  })

  test('lets out what the policy allows and nothing else; loopback is not touched', async () => {
    await serve(CLIENT, 5432)
    writeFileSync(
      join(folder, 'out.yaml'),
      `inbound: []\noutbound:\n  - allow: db\n    port: tcp/5432\n    to: [${CLIENT.ipv4}, ${CLIENT.ipv6}]\n`,
    )
    await serve(CLIENT, 443)
    await openGate(join(folder, 'out.yaml'))
    for (const address of [CLIENT.ipv4, CLIENT.ipv6]) {
      expect(connects(SERVER, address, 5432)).toBe(true)
      expect(connects(SERVER, address, 443)).toBe(false)
    }
    expect(connects(SERVER, '127.0.0.1', 22)).toBe(true)
    expect(connects(SERVER, '::1', 22)).toBe(true)
  })

  test('takes everything down on SIGINT and on SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const gate = await openGate(POLICY)
      expect(mangleRules()).not.toEqual([])
      expect(await gate.end(signal)).toBe(0)
      expect(mangleRules()).toEqual([])
      expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(true)
    }
  })

  test('leaves rules of others as they are', async () => {
    const others = ['-A INPUT -s 192.0.2.1/32 -j ACCEPT', '-A OUTPUT -d 192.0.2.1/32 -j ACCEPT']
    for (const rule of others) execute(SERVER, 'iptables', '-t', 'mangle', ...rule.split(' '))
    const gate = await openGate(POLICY)
    expect(mangleRules()).toEqual(expect.arrayContaining(others))
    await gate.end('SIGTERM')
    expect(mangleRules()).toEqual(others)
  })

  test('killed: established connections live on, neighbours are found, and nothing new comes in', async () => {
    const gate = await openGate(POLICY)
    const old = [await connection(CLIENT, SERVER.ipv4, 11434), await connection(CLIENT, SERVER.ipv6, 11434)]
    await gate.end('SIGKILL')
    for (const host of [SERVER, CLIENT]) execute(host, 'ip', 'neigh', 'flush', 'all')
    for (const each of old) expect(await each.echo('still here')).toBe(true)
    expect(connects(CLIENT, SERVER.ipv4, 11434)).toBe(false)
    expect(connects(CLIENT, SERVER.ipv6, 11434)).toBe(false)

    const left = mangleRules()
    const again = await openGate(POLICY)
    expect(mangleRules().toSorted()).toEqual(left.toSorted())
    expect(connects(CLIENT, SERVER.ipv4, 11434)).toBe(true)
    await again.end('SIGKILL')
    expect(portcullis('down')).toMatchObject({ code: 0, output: 'The divert rules are gone.\n' })
    expect(mangleRules()).toEqual([])
    expect(portcullis('down')).toMatchObject({ code: 0, output: 'There are no divert rules.\n' })
  })

  test('packets that belong to no connection are dropped in the kernel and counted', async () => {
    execute(SERVER, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0')
    // The kernel tracks connections from when the rules are there: this one it has never seen begin.
    const unknown = await connection(CLIENT, SERVER.ipv4, 11434)
    const gate = await openGate(POLICY)
    expect(await unknown.echo('lost')).toBe(false)
    await gate.end('SIGTERM')
    const summary = gate.log.find(({ event }) => event === 'summary')
    expect(summary?.invalid).toBeGreaterThan(0)
    expect(summary).toMatchObject({ dropped: 0, rules: { 'input ollama': { packets: 0 } } })
  })

  test('a log that nobody reads any more does not bring it down', async () => {
    const gate = await openGate(POLICY)
    gate.process.stdout!.destroy()
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(connects(CLIENT, SERVER.ipv4, 11434)).toBe(true)
    expect(await gate.end('SIGTERM')).toBe(0)
    expect(mangleRules()).toEqual([])
  })

  test('when its rules cannot be taken down, it says so', async () => {
    const gate = await openGate(POLICY)
    let errors = ''
    gate.process.stderr!.on('data', (chunk) => {
      errors += chunk
    })
    execute(SERVER, 'iptables', '-t', 'mangle', '-A', 'FORWARD', '-j', 'PORTCULLIS-IN')
    expect(await gate.end('SIGTERM')).toBe(1)
    expect(errors).toMatch(/^iptables-restore failed: /)
    expect(errors).not.toMatch(/\n\s+at /)
  })

  test('a second one on the same queue is refused and does the first no harm', async () => {
    await openGate(POLICY)
    const rules = mangleRules()
    const { code, output } = portcullis('run', '--policy', POLICY)
    expect(code).toBe(1)
    expect(output).toMatch(/queue 1143/)
    expect(output).not.toMatch(/ at /)
    expect(mangleRules()).toEqual(rules)
    expect(connects(CLIENT, SERVER.ipv4, 11434)).toBe(true)
  })

  test('a bad policy is told with its place and changes nothing', () => {
    const bad = join(folder, 'bad.yaml')
    writeFileSync(bad, 'inbound:\n  - allow: x\n    port: tcp/x\noutbound: []\n')
    const { code, output } = portcullis('run', '--policy', bad)
    expect(code).toBe(2)
    expect(output).toContain(`${bad}:3:11: error: x is no port number`)
    expect(mangleRules()).toEqual([])
  })

  test("nft's own language: judged where it can be, refused with its place where it cannot", async () => {
    const file = join(folder, 'rules.nft')
    const chains = (more: string) =>
      `table inet filter {\n\tchain in {\n\t\ttype filter hook input priority 0; policy drop;\n\t\ttcp dport 22 accept\n${more}\t}\n}\n`
    writeFileSync(file, chains(''))
    const gate = await openGate(file)
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(true)
    expect(connects(CLIENT, SERVER.ipv6, 11434)).toBe(false)
    await gate.end('SIGTERM')

    writeFileSync(file, chains('\t\tct mark 5 drop\n'))
    expect(portcullis('run', '--policy', file)).toMatchObject({
      code: 2,
      output: expect.stringContaining(
        `${file}:5:3: error: ct mark cannot be decided: the source of packets does not track connections`,
      ),
    })
    writeFileSync(file, chains('').replace('hook input', 'hook forward'))
    expect(portcullis('run', '--policy', file)).toMatchObject({
      code: 2,
      output: expect.stringContaining('chain in is at the hook forward'),
    })
    expect(mangleRules()).toEqual([])
  })

  test('without the right to do it, it says what it needs', () => {
    const { code, output } = execute(
      SERVER,
      'setpriv',
      '--bounding-set=-net_admin',
      '--inh-caps=-net_admin',
      'node',
      'dist/src/cli/main.js',
      'run',
      '--policy',
      POLICY,
    )
    expect(code).toBe(1)
    expect(output).toMatch(/CAP_NET_ADMIN/)
    expect(output).not.toMatch(/\n\s+at /)
    expect(mangleRules()).toEqual([])
  })
})
