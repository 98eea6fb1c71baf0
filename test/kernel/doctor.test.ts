import { afterEach, beforeEach, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { openGate, portcullis } from './support/gate.js'
import { execute, makeHosts, removeHosts, SERVER } from './support/namespaces.js'

interface Line {
  readonly name: string
  readonly state: string
  readonly detail: string
  readonly remedy?: string
}

function doctor(): { code: number | null; found: Record<string, Line> } {
  const { code, output } = portcullis('doctor', '--json')
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  return { code, found: Object.fromEntries(lines.map((line) => [line.name, line])) }
}

needs('nfqueue', 'nft')('portcullis doctor', () => {
  beforeEach(makeHosts)
  afterEach(removeHosts)

  test('finds what the gate needs, and changes nothing', () => {
    const rules = () =>
      ['nft list ruleset', 'iptables-save'].map((command) => execute(SERVER, 'sh', '-c', command).output)
    const before = rules()
    const { code, found } = doctor()
    expect(code).toBe(0)
    for (const name of [
      'rights',
      'queue-socket',
      'nfqueue-target',
      'nftables',
      'set-timeouts',
      'conntrack',
      'ipv6',
    ])
      expect(found[name]).toMatchObject({ state: 'fine' })
    expect(found['other-firewalls']).toMatchObject({ state: 'fine', detail: 'none' })
    expect(rules()).toEqual(before)
  })

  test('names other firewalls and queues that are bound', async () => {
    execute(SERVER, 'iptables', '-N', 'DOCKER-USER')
    execute(SERVER, 'iptables', '-A', 'FORWARD', '-j', 'DOCKER-USER')
    const gate = await openGate('examples/ai-server.yaml', '--queue', '77')
    const { code, found } = doctor()
    expect(code).toBe(0)
    expect(found['other-firewalls']).toMatchObject({
      state: 'worse',
      detail: expect.stringContaining('Docker'),
    })
    expect(found['queues-in-use']).toMatchObject({ state: 'worse', detail: expect.stringMatching(/^77 /) })
    expect(found['queues-in-use']?.remedy).toContain('--queue')
    await gate.end('SIGTERM')
  })

  test('without rights says what is missing, and exits with 1', () => {
    const { code, output } = execute(
      SERVER,
      'setpriv',
      '--bounding-set',
      '-all',
      '--inh-caps',
      '-all',
      'node',
      'dist/src/cli/main.js',
      'doctor',
    )
    expect(code).toBe(1)
    expect(output).toContain('MISSING the right to change the firewall')
    expect(output).toContain('→ run it as root')
  })
})
