import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-compile-'))
  writeFileSync(
    join(folder, 'r.nft'),
    `table inet t {
  chain in {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    tcp dport { 22, 80-88 } ip saddr 10.0.0.0/8 accept
    tcp dport 22 ip6 saddr fd00::/8 accept
    udp dport 53 limit rate 5/second accept
    tcp dport 22 ip saddr 10.1.0.0/16 counter drop
  }
}
`,
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

function portcullis(...args: string[]) {
  const main = join(process.cwd(), 'dist/src/cli/main.js')
  const { status, stdout, stderr } = spawnSync('node', [main, ...args], { encoding: 'utf8', cwd: folder })
  return { status, stdout: stdout.replace(/built in \d+ ms/, 'built in N ms'), stderr }
}

test('compile --print shows the trees and their figures', () => {
  const { status, stdout, stderr } = portcullis('compile', 'r.nft', '--print')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatchInlineSnapshot(`
    "chain in of table inet t, IPv4: 4 rules
      dport
        0-21, 23-52, 54-79, 89-65535, none: r.nft:4 (ctState)
        22:
          saddr4
            0.0.0.0-9.255.255.255, 11.0.0.0-255.255.255.255: r.nft:4 (ctState)
            10.0.0.0-10.0.255.255, 10.2.0.0-10.255.255.255: r.nft:4 (ctState), r.nft:5 (l4proto)
            10.1.0.0-10.1.255.255:
              l4proto
                0-5, 7-255, none: r.nft:4 (ctState)
                6: r.nft:4 (ctState), r.nft:5
        53: r.nft:4 (ctState), r.nft:7 (l4proto)
        80-88: r.nft:4 (ctState), r.nft:5 (l4proto saddr4)

    chain in of table inet t, IPv6: 3 rules
      l4proto
        0-5, 7-16, 18-255, none: r.nft:4 (ctState)
        6: r.nft:4 (ctState), r.nft:6 (dport saddr6)
        17: r.nft:4 (ctState), r.nft:7 (dport)

    rules 5, trees 2, nodes 9, leaves 8, depth 5, bytes 840
    steps: 2.3 on average, 7 at most; up to 2 rules in a leaf
    built in N ms
    "
  `)
})

test('compile --json prints the figures', () => {
  const figures = JSON.parse(portcullis('compile', 'r.nft', '--json').stdout)
  expect(figures).toMatchObject({ file: 'r.nft', rules: 5, longestLeaf: expect.any(Number) })
})

test('check tells which rules can never match, and why', () => {
  const { status, stdout } = portcullis('check', 'r.nft')
  expect(status).toBe(0)
  expect(stdout).toBe(
    'r.nft: 1 table, 1 chain, 5 rules, 0 sets with 0 elements\nr.nft:8:5: this rule can never match: line 5 covers it\n',
  )
})
