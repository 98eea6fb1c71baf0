import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { Backend } from '../../src/language/iptables/extensions/extension.js'
import { loadIptables, loadIptablesSave } from '../../src/language/iptables/load.js'
import { importAsNft } from '../../src/language/iptables/nft.js'
import { printIptables } from '../../src/language/iptables/print/print.js'
import { printRuleset } from '../../src/language/nft/print/ruleset.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { needs } from '../sandbox/needs.js'
import { ENDPOINTS, IPV6, OUTBOUND } from '../support/chapter.js'
import { OUTPUT4, OUTPUT6 } from '../support/iptables-rules.js'

/** Runs a shell's script in a network of its own; throws with what went wrong. */
function run(script: string, input = ''): string {
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', 'sh', '-ec', script], {
    input,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const PROGRAMS = [
  ['iptables', 'ip', OUTPUT4],
  ['ip6tables', 'ip6', OUTPUT6],
] as const
const BACKENDS: readonly Backend[] = ['nft', 'legacy']

/** What the kernel holds, printed by us. */
function held(saved: string, family: 'ip' | 'ip6', backend: Backend): string {
  return printIptables(loadIptablesSave(saved, 'saved', { family, backend }).ruleset)
}

/** The tables of a family, without places. */
function ofFamily({ tables }: Ruleset, family: 'ip' | 'ip6'): string {
  return printRuleset({ tables: tables.filter((table) => table.family === family) })
}

needs('iptables')('iptables itself', () => {
  for (const [program, family, rules] of PROGRAMS) {
    for (const backend of BACKENDS) {
      test(`${program}-${backend} holds every rule as we do`, () => {
        const script = rules.map(([rule]) => `${program}-${backend} -A OUTPUT ${rule}`).join('\n')
        const saved = run(`${script}\n${program}-${backend}-save -t filter`)
        const ours = printIptables(loadIptables(script, 'ours').ruleset)
        expect(held(saved, family, backend).split('\n')).toEqual(ours.split('\n'))
      }, 60_000)
    }
  }

  test.each(BACKENDS)('the chapter’s blocks, run by a shell, make what we make of them: %s', (backend) => {
    const script = ENDPOINTS + OUTBOUND + IPV6
    const named = script.replaceAll(/^(ip6?tables)/gm, `$1-${backend}`)
    const saved = run(
      `${named}\n${PROGRAMS.map(([name]) => `${name}-${backend}-save -t filter; echo ====`).join('\n')}`,
    )
    const { ruleset } = loadIptables(script, 'chapter.sh', { backend })
    for (const [i, [, family]] of PROGRAMS.entries()) {
      const theirs = loadIptablesSave(saved.split('====')[i]!, 'saved', { family, backend }).ruleset
      expect(ofFamily(theirs, family).replaceAll(/counter packets \d+ bytes \d+/g, 'counter')).toBe(
        ofFamily(ruleset, family),
      )
    }
  })

  test('what is imported, nft loads', () => {
    for (const [program, , rules] of PROGRAMS) {
      // Some kernels lack nft's queue (CONFIG_NFT_QUEUE).
      const usual = rules.filter(([rule]) => !rule.includes('NFQUEUE'))
      const script = usual.map(([rule]) => `${program} -A OUTPUT ${rule}`).join('\n')
      const { text, lost } = importAsNft(loadIptables(script, 'fw.sh').ruleset, script)
      expect(lost.length).toBeLessThan(rules.length)
      run('nft -f -', text)
    }
  })
})
