// Probes, once a run, what the kernel offers, and says at the end which tests could not run for want of it.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

export type Feature = 'sandbox' | 'nfqueue' | 'nft' | 'iptables' | 'judge' | 'fail2ban'

/** For each missing feature the reason; what is there is not listed. */
export type Missing = Partial<Record<Feature, string>>

declare module 'vitest' {
  interface ProvidedContext {
    missing: Missing
    notRun: string
  }
}

export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const notRun = join(folder, 'not-run')
  writeFileSync(notRun, '')
  project.provide('missing', probe())
  project.provide('notRun', notRun)
  return () => {
    const lines = new Set(readFileSync(notRun, 'utf8').split('\n').filter(Boolean))
    rmSync(folder, { recursive: true })
    if (lines.size > 0)
      console.warn(`\nCould not run here:\n${[...lines].map((line) => `  ${line}`).join('\n')}\n`)
  }
}

function probe(): Missing {
  if (process.env.PORTCULLIS_SANDBOX !== '1') {
    const reason = 'no sandbox to run in (npm test makes one on Linux)'
    return {
      sandbox: reason,
      nfqueue: reason,
      nft: reason,
      iptables: reason,
      judge: reason,
      fail2ban: reason,
    }
  }
  const missing: Missing = {}
  const nfqueue = failure(
    'iptables -A OUTPUT -j NFQUEUE --queue-num 1 && ip6tables -A OUTPUT -j NFQUEUE --queue-num 1',
  )
  if (nfqueue) missing.nfqueue = `no NFQUEUE target (CONFIG_NETFILTER_XT_TARGET_NFQUEUE): ${nfqueue}`
  else if (!existsSync('/proc/net/netfilter/nfnetlink_queue'))
    missing.nfqueue = 'no nfnetlink_queue (CONFIG_NETFILTER_NETLINK_QUEUE)'
  const nft = failure('nft add table inet probe')
  const iptables = failure(
    ['iptables-nft', 'iptables-legacy', 'ip6tables-nft', 'ip6tables-legacy']
      .map(
        (program) =>
          `${program} -A OUTPUT -m recent --set -m string --string x --algo bm -m bpf --bytecode '1,6 0 0 0'`,
      )
      .join(' && '),
  )
  if (iptables)
    missing.iptables = `not both of iptables-nft and iptables-legacy, with their matches: ${iptables}`
  if (nft) missing.nft = `no nftables (CONFIG_NF_TABLES_INET): ${nft}`
  const judge = failure(`ip tuntap add dev probe mode tun && ${TAP}`)
  if (judge)
    missing.judge = `no TUN devices, or no nflog and socket rules (CONFIG_TUN, CONFIG_NFT_LOG, CONFIG_NFT_SOCKET): ${judge}`
  if (!existsSync('dist/debian/fail2ban')) missing.fail2ban = 'the Debian package cannot be downloaded'
  return missing
}

/** A rule of each kind that the judge listens by. */
const TAP = `nft 'add table inet probe; add chain inet probe c { type filter hook output priority 0; };
  add rule inet probe c socket transparent 1 log group 64000'`

/** Runs a probe in a network of its own, so that there is nothing to undo. */
function failure(script: string): string | undefined {
  try {
    execFileSync('unshare', ['--net', 'sh', '-c', script], { encoding: 'utf8', stdio: 'pipe' })
    return undefined
  } catch (error) {
    return String((error as { stderr?: string }).stderr || error)
      .trim()
      .split('\n')[0]
  }
}
