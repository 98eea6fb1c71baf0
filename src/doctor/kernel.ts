/** What the kernel must be able to do, and what is better if it can. */
import { type Ended, type Feature, fine, type Machine, missing, said, worse } from './feature.js'

const CAP_NET_ADMIN = 12n
const CHAIN = 'add table inet p; add chain inet p c { type filter hook input priority 0; };'

const rights: Feature = {
  name: 'rights',
  title: 'the right to change the firewall (CAP_NET_ADMIN)',
  probe: ({ read }) => {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '0'
    return (BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n ? fine('') : missing('this user has it not')
  },
  otherwise: 'nothing of the gate can be installed, and most of what follows cannot be seen',
  remedy: 'run it as root',
}

const nfqueue: Feature = {
  name: 'nfqueue-target',
  title: "iptables' NFQUEUE target",
  probe: (machine) => {
    const tried = ['iptables', 'ip6tables'].map((command) =>
      machine.apart(command, '-t', 'mangle', '-A', 'INPUT', '-j', 'NFQUEUE', '--queue-num', '0'),
    )
    const failed = tried.find(({ code }) => code !== 0)
    if (failed === undefined) return fine(backEnd(machine))
    return queueStatement(machine).code === 0 ? worse(said(failed)) : missing(said(failed))
  },
  otherwise: 'packets cannot be brought to the queue by iptables',
  remedy: 'apt-get install iptables; a kernel with CONFIG_NETFILTER_XT_TARGET_NFQUEUE',
}

function backEnd({ run }: Machine): string {
  return /\((\w+)\)/.exec(run('iptables', '--version').output)?.[1] ?? ''
}

const nfqueueSocket: Feature = {
  name: 'queue-socket',
  title: 'queues for packets (nfnetlink_queue), and our addon that reads them',
  probe: (machine) => verdict(openQueue(machine, ''), missing),
  otherwise: 'no packet can be judged',
  remedy: 'a kernel with CONFIG_NETFILTER_NETLINK_QUEUE; npm rebuild node-netfilter-queue',
}

const nftables: Feature = {
  name: 'nftables',
  title: 'nftables with tables of the inet family',
  probe: ({ apart }) => verdict(apart('nft', CHAIN), missing),
  otherwise: 'bans and the floor cannot be held in the kernel',
  remedy: 'apt-get install nftables; a kernel with CONFIG_NF_TABLES_INET',
}

const timeouts: Feature = {
  name: 'set-timeouts',
  title: 'sets with intervals and timeouts',
  probe: ({ apart }) =>
    verdict(apart('nft', `${CHAIN} add set inet p s { type ipv4_addr; flags interval, timeout; }`), missing),
  otherwise: 'bans cannot end by themselves while the engine is away',
  remedy: 'Linux 5.6 or later, nftables 0.9.4 or later',
}

function queueStatement({ apart }: Machine): Ended {
  return apart('nft', `${CHAIN} add rule inet p c queue num 0`)
}

const nftQueue: Feature = {
  name: 'nft-queue',
  title: "nft's queue statement",
  probe: (machine) => verdict(queueStatement(machine), worse),
  otherwise: 'the divert rules are written with iptables',
  remedy: "nothing need be done; kernels with CONFIG_NFT_QUEUE have it, Debian's own too",
}

const conntrack: Feature = {
  name: 'conntrack',
  title: 'connection tracking',
  probe: ({ apart }) =>
    verdict(apart('nft', `${CHAIN} add rule inet p c ct state established accept`), missing),
  otherwise: 'established connections cannot be told from new ones',
  remedy: 'a kernel with CONFIG_NF_CONNTRACK and CONFIG_NFT_CT; modprobe nf_conntrack',
}

const glue: Feature = {
  name: 'conntrack-glue',
  title: 'connection state beside queued packets',
  probe: (machine) => verdict(openQueue(machine, 'conntrack: true'), worse),
  otherwise: 'the state travels in four bits of the mark (0x0f000000): other programs must leave them alone',
  remedy: 'nothing need be done; kernels with CONFIG_NETFILTER_NETLINK_GLUE_CT have it',
}

const failOpen: Feature = {
  name: 'fail-open',
  title: 'queues that pass packets on when they are full',
  probe: (machine) => verdict(openQueue(machine, 'failOpen: true'), worse),
  otherwise: 'a full queue drops what the floor could decide',
  remedy: 'Linux 3.6 or later',
}

function openQueue(machine: Machine, option: string): Ended {
  const addon = import.meta.resolve('node-netfilter-queue')
  const script = `import { openQueue } from ${JSON.stringify(addon)}
    try { openQueue({ number: 0, ${option} }, () => {}).close() }
    catch (error) { console.error(error.message); process.exit(1) }`
  return machine.apart(process.execPath, '--input-type=module', '--eval', script)
}

const ipv6: Feature = {
  name: 'ipv6',
  title: 'IPv6',
  probe: ({ read }) =>
    read('/proc/self/net/if_inet6') === undefined
      ? worse('this kernel has it not, or it is switched off')
      : fine(''),
  otherwise: 'only IPv4 is guarded, as there is nothing else',
  remedy: "nothing need be done; ipv6.disable=1 on the kernel's command line switches it off",
}

function verdict(ended: Ended, otherwise: typeof missing): ReturnType<typeof missing> {
  return ended.code === 0 ? fine('') : otherwise(said(ended))
}

export const KERNEL: readonly Feature[] = [
  rights,
  nfqueueSocket,
  nfqueue,
  nftQueue,
  nftables,
  timeouts,
  conntrack,
  glue,
  failOpen,
  ipv6,
]
