import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let folder: string
const policy = (port: number) => `inbound:
  - allow: ollama
    port: tcp/${port}
    from: 10.0.0.0/16
    limit: 20 per minute per source
outbound: any
`
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-diff-'))
  writeFileSync(join(folder, 'old.yaml'), policy(11434))
  writeFileSync(join(folder, 'new.yaml'), policy(11435))
  writeFileSync(
    join(folder, 'rules.sh'),
    'iptables -P INPUT DROP\niptables -A INPUT -p tcp --dport 22 -j ACCEPT\n',
  )
  writeFileSync(
    join(folder, 'rules.nft'),
    'table ip t {\nchain c {\ntype filter hook input priority 0; policy drop;\ntcp dport 22-23 accept\n}\n}\n',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

function portcullis(...args: string[]) {
  const main = join(process.cwd(), 'dist/src/cli/main.js')
  const { status, stdout, stderr } = spawnSync('node', [main, ...args], { encoding: 'utf8', cwd: folder })
  return { status, stdout, stderr }
}

test('a change is told with an example and the rules on both sides; the exit code is 1', () => {
  const { status, stdout, stderr } = portcullis('diff', 'old.yaml', 'new.yaml')
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
  expect(stdout).toMatchInlineSnapshot(`
    "input, IPv4:
      tcp from 10.0.0.0/16 to port 11434 in any interface but lo, state new, if window name "ollama" holds: accept → drop
          tcp 10.0.0.7:40000 > 192.0.2.1:11434 new in eth0, where window name "ollama" holds
          old.yaml:2 → policy of input
      tcp from 10.0.0.0/16 to port 11435 in any interface but lo, state new, if window name "ollama" holds: drop → accept
          tcp 10.0.0.7:40000 > 192.0.2.1:11435 new in eth0, where window name "ollama" holds
          policy of input → new.yaml:2
    Compared as asking the same of the same state: window name "ollama"
    "
  `)
})

test('equal policies are, in any languages', () => {
  expect(portcullis('diff', 'old.yaml', 'old.yaml')).toEqual({ status: 0, stdout: '', stderr: '' })
  writeFileSync(join(folder, 'same.nft'), portcullis('convert', '--to', 'nft', 'old.yaml').stdout)
  expect(portcullis('diff', 'same.nft', 'old.yaml')).toEqual({ status: 0, stdout: '', stderr: '' })
  const { status, stdout } = portcullis('diff', 'rules.sh', 'rules.nft')
  expect({ status, stdout }).toMatchInlineSnapshot(`
    {
      "status": 1,
      "stdout": "input, IPv4:
      tcp to port 23: drop → accept
          tcp 198.51.100.7:40000 > 192.0.2.1:23 new in eth0
          rules.sh:1, policy of INPUT → rules.nft:4
    ",
    }
  `)
})

test('--json has the bytes of the packets', () => {
  const { status, stdout } = portcullis('diff', '--json', 'rules.sh', 'rules.nft')
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchInlineSnapshot(`
    {
      "changes": [
        {
          "example": {
            "assumes": [],
            "bytes": "450000280000000040068e94c6336407c00002019c400017000000000000000050020000274f0000",
            "ctState": 8,
            "family": "ip",
            "hook": "input",
            "iifname": "eth0",
            "mark": 0,
            "oifname": "",
            "text": "tcp 198.51.100.7:40000 > 192.0.2.1:23 new in eth0",
          },
          "families": [
            "ip",
          ],
          "from": "drop",
          "hook": "input",
          "new": {
            "by": "rule",
            "chain": "c",
            "file": "rules.nft",
            "line": 4,
          },
          "old": {
            "by": "policy",
            "chain": "INPUT",
            "file": "rules.sh",
            "line": 1,
          },
          "packets": "tcp to port 23",
          "to": "accept",
        },
      ],
      "stateful": [],
    }
  `)
})

test('what cannot be compared is told of, with exit code 2', () => {
  expect(portcullis('diff', 'old.yaml')).toMatchObject({ status: 2, stderr: 'expected two files: OLD NEW\n' })
  writeFileSync(
    join(folder, 'queue.nft'),
    'table ip t {\nchain c {\ntype filter hook input priority 0;\nqueue\n}\n}\n',
  )
  const { status, stderr } = portcullis('diff', 'old.yaml', 'queue.nft')
  expect({ status, stderr }).toMatchInlineSnapshot(`
    {
      "status": 2,
      "stderr": "queue.nft:4:1: error: queue cannot be decided: what another program does with the packet is not known
    ",
    }
  `)
})
