import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReferenceEngine } from '../../src/engine/reference/evaluate.js'
import { floorOf } from '../../src/floor/floor.js'
import { floorText } from '../../src/floor/text.js'
import { loadIptables } from '../../src/language/iptables/load.js'
import { parseNft } from '../../src/language/nft/load.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { Packet } from '../../src/packet/packet.js'
import { checkRuleset } from '../../src/ruleset/check.js'
import { FLOOR_MODES, type Ruleset } from '../../src/ruleset/model.js'
import { INTERFACES, ruleset, type Sample, sample } from '../support/arbitrary.js'
import { environment } from '../support/environment.js'

/** What the reference says of each packet. */
function verdicts(rules: Ruleset, samples: readonly Sample[]): string[] {
  const engine = new ReferenceEngine(rules, environment())
  INTERFACES.forEach((name, index) => {
    engine.interfaces.set(index, name)
  })
  const packet = new Packet()
  return samples.map(({ bytes, pause, ...about }) => {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    Object.assign(packet, about)
    packet.time[0]! += pause
    return engine.judge(packet).verdict
  })
}

/** Its windows never full: what a bucket accepts the window would have had room for (see bucket.test.ts). */
function roomy({ tables }: Ruleset): Ruleset {
  const endless = { rate: 1000, per: 1, strict: false, size: 1000 }
  return {
    tables: tables.map((table) => ({
      ...table,
      windows: table.windows.map((each) => ({ ...each, ...endless })),
    })),
  }
}

test.each(['same', 'management'] as const)(
  'the floor %s accepts nothing that the ruleset drops',
  (mode) => {
    let accepted = 0
    fc.assert(
      fc.property(ruleset, fc.array(sample, { minLength: 1, maxLength: 40 }), (rules, samples) => {
        const { ruleset: floor } = floorOf(rules, mode)
        expect(checkRuleset(floor)).toEqual([])
        const policy = verdicts(roomy(rules), samples)
        for (const [i, verdict] of verdicts(floor, samples).entries()) {
          if (verdict !== 'accept') continue
          accepted++
          expect(policy[i]).toBe('accept')
        }
      }),
      { numRuns: 400, seed: 20261123 },
    )
    expect(accepted).toBeGreaterThan(100)
  },
  60_000,
)

const POLICY = `floor: management
inbound:
  - allow: api
    port: tcp/11434
    from: 10.0.0.0/16
    limit: 20 per minute per source
  - allow: ssh
    port: tcp/22
    limit: { rate: 5 per hour per source, ipv6: 56, strict: true }
outbound: []
`

test('of a policy, its limits are rates', () => {
  const policy = parsePolicy(POLICY, 'p.yaml')
  const text = floorText(floorOf(policy, 'same'))
  expect(text.match(/update.*$/gm)).toMatchInlineSnapshot(`
    [
      "update @api_rate4 { ip saddr limit rate 10/minute burst 11 packets } counter accept comment "api"",
      "update @ssh_rate4 { ip saddr limit rate 1/week } counter accept comment "ssh"",
      "update @ssh_rate6 { ip6 saddr & ffff:ffff:ffff:ff00:: limit rate 1/week } counter accept comment "ssh"",
    ]
  `)
  expect(text.match(/^table.*$|^delete.*$/gm)).toMatchInlineSnapshot(`
    [
      "table inet portcullis_gate_floor",
      "delete table inet portcullis_gate_floor",
      "table inet portcullis_floor",
      "delete table inet portcullis_floor",
      "table inet portcullis_floor {",
    ]
  `)
})

test('the mode is what the policy says: for management, a gate stands before the same rules', () => {
  const policy = parsePolicy(POLICY, 'p.yaml')
  expect(policy.floor).toBe('management')
  const { ruleset: floor } = floorOf(policy)
  expect(floor.tables.map(({ name }) => name)).toEqual(['portcullis_gate_floor', 'portcullis_floor'])
  expect(floorText({ ruleset: { tables: [floor.tables[0]!] }, names: [] })).toMatchInlineSnapshot(`
    "
    table inet portcullis_gate_floor {
    	chain input {
    		type filter hook input priority filter - 1; policy drop;
    		iifname "lo" accept comment "loopback"
    		icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "neighbour discovery"
    		ct state established,related accept comment "connections that live"
    		tcp dport 22 ct state new accept comment "ssh"
    		counter
    	}

    	chain forward {
    		type filter hook forward priority filter - 1; policy drop;
    		ct state established,related accept comment "connections that live"
    		counter
    	}

    	chain output {
    		type filter hook output priority filter - 1; policy drop;
    		oifname "lo" accept comment "loopback"
    		icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "neighbour discovery"
    		ct state established,related accept comment "connections that live"
    		counter
    	}
    }
    "
  `)
  expect(() => parsePolicy(POLICY.replace('management', 'open'), 'p.yaml')).toThrow(/floor is one of same/)
})

test('closed, loopback and neighbour discovery are all that is left', () => {
  const { ruleset: floor } = floorOf(parsePolicy(POLICY, 'p.yaml'), 'closed')
  expect(floorText({ ruleset: floor, names: [] })).toMatchInlineSnapshot(`
    "
    table inet portcullis_gate_floor {
    	chain input {
    		type filter hook input priority filter - 1; policy drop;
    		iifname "lo" accept comment "loopback"
    		icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "neighbour discovery"
    		counter
    	}

    	chain forward {
    		type filter hook forward priority filter - 1; policy drop;
    		counter
    	}

    	chain output {
    		type filter hook output priority filter - 1; policy drop;
    		oifname "lo" accept comment "loopback"
    		icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "neighbour discovery"
    		counter
    	}
    }
    "
  `)
})

test('of iptables, what the kernel’s nft cannot say is dropped, and what would accept is left out', () => {
  const { ruleset: rules } = loadIptables(
    `iptables -P INPUT DROP
iptables -A INPUT -p tcp --dport 23 -m string --string root --algo bm -j DROP
iptables -A INPUT -p tcp --dport 80 -m recent --name web --update --seconds 60 -j ACCEPT
iptables -A INPUT -p tcp --dport 443 -m statistic --mode nth --every 2 --packet 0 -j MARK --set-mark 1
iptables -A INPUT -p tcp --dport 22 -s 10.0.0.0/8 -j ACCEPT
`,
    'rules.sh',
  )
  const { ruleset: floor, lost } = floorOf(rules)
  expect(floorText({ ruleset: floor, names: [] })).toMatchInlineSnapshot(`
    "
    table ip filter_floor {
    	chain INPUT {
    		type filter hook input priority filter; policy drop;
    		ct state invalid counter drop comment "headers cut short"
    		meta l4proto tcp tcp dport 23 counter drop
    		meta l4proto tcp tcp dport 443 counter drop
    		ip saddr 10.0.0.0/8 meta l4proto tcp tcp dport 22 counter accept
    	}
    }
    "
  `)
  expect(lost.map(({ message, position }) => `${position?.line}: ${message}`)).toMatchInlineSnapshot(`
    [
      "2: the kernel's nft has no word for its match string",
      "3: the kernel's nft has no word for its match recent",
      "4: the kernel's nft has no word for its match statistic",
    ]
  `)
})

test('a window whose rule does more than accept is none to the kernel', () => {
  const [table] = parsePolicy(POLICY, 'p.yaml').tables
  const [input] = table!.chains
  const dropping = { statements: [{ kind: 'window', name: 'api' } as const, { kind: 'drop' } as const] }
  const { ruleset: floor, lost } = floorOf({
    tables: [{ ...table!, chains: [{ ...input!, rules: [dropping] }] }],
  })
  expect(floor.tables[0]!.chains[0]!.rules).toEqual([{ statements: [{ kind: 'counter' }, { kind: 'drop' }] }])
  expect(lost).toEqual([{ message: expect.stringContaining('only where its rule accepts') }])
})

test.each(FLOOR_MODES)('the floor %s is text that is read again', (mode) => {
  const floor = floorOf(parsePolicy(readFileSync('examples/ai-server.yaml', 'utf8'), 'e.yaml'), mode)
  const read = parseNft(floorText(floor), 'floor.nft')
  const count = ({ tables }: Ruleset) => tables.map(({ chains }) => chains.map(({ rules }) => rules.length))
  expect(count(read)).toEqual(count(floor.ruleset))
})
