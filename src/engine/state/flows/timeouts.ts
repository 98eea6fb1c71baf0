import { HZ } from './layout.js'

/** States of TCP, by the kernel's numbers (enum tcp_conntrack in nf_conntrack_tcp.h). */
export const TcpState = {
  none: 0,
  synSent: 1,
  synReceived: 2,
  established: 3,
  finWait: 4,
  closeWait: 5,
  lastAck: 6,
  timeWait: 7,
  close: 8,
  synSent2: 9,
} as const

/** States of SCTP, by the kernel's numbers (enum sctp_conntrack in nf_conntrack_sctp.h). */
export const SctpState = {
  none: 0,
  closed: 1,
  cookieWait: 2,
  cookieEchoed: 3,
  established: 4,
  shutdownSent: 5,
  shutdownReceived: 6,
  shutdownAckSent: 7,
  heartbeatSent: 8,
} as const

/**
 * How long an entry lives without a packet, in seconds; names and values as in /proc/sys/net/netfilter without
 * nf_conntrack_ and _timeout (tcp_timeout_established is tcp_established). UDP-Lite has UDP's.
 */
export const DEFAULT_TIMEOUTS = {
  tcp_syn_sent: 120,
  tcp_syn_recv: 60,
  tcp_established: 432000,
  tcp_fin_wait: 120,
  tcp_close_wait: 60,
  tcp_last_ack: 30,
  tcp_time_wait: 120,
  tcp_close: 10,
  tcp_max_retrans: 300,
  tcp_unacknowledged: 300,
  udp: 30,
  udp_stream: 120,
  gre: 30,
  gre_stream: 180,
  icmp: 30,
  icmpv6: 30,
  sctp_closed: 10,
  sctp_cookie_wait: 3,
  sctp_cookie_echoed: 3,
  sctp_established: 210,
  sctp_shutdown_sent: 3,
  sctp_shutdown_recd: 3,
  sctp_shutdown_ack_sent: 3,
  sctp_heartbeat_sent: 30,
  generic: 600,
} as const
/** The one that no sysctl sets: both sides have sent a SYN. */
const SYN_SENT2 = 120
export type FlowTimeouts = { readonly [name in keyof typeof DEFAULT_TIMEOUTS]: number }

/** So that a time is always told from one half of the jiffies' range away: 12 days. */
export const MAXIMUM_TIMEOUT = 2 ** 28 / HZ

/** The timeouts in jiffies, by states where a protocol has states. */
export interface Timeouts {
  readonly tcp: Int32Array
  readonly tcpRetransmitted: number
  readonly tcpUnacknowledged: number
  readonly udp: number
  readonly udpStream: number
  readonly gre: number
  readonly greStream: number
  readonly icmp: number
  readonly icmp6: number
  readonly sctp: Int32Array
  readonly generic: number
}

/** Throws a RangeError for a timeout that is not between 0 and 12 days. */
export function timeoutsOf(changed: Partial<FlowTimeouts>): Timeouts {
  const seconds: FlowTimeouts = { ...DEFAULT_TIMEOUTS, ...changed }
  for (const [name, value] of Object.entries(seconds)) {
    if (value >= 0 && value <= MAXIMUM_TIMEOUT) continue
    throw new RangeError(`timeout ${name}: ${value} is not between 0 and ${MAXIMUM_TIMEOUT} seconds`)
  }
  const jiffies = (value: number) => Math.floor(value * HZ)
  const { tcp_syn_sent, tcp_close, sctp_closed } = seconds
  return {
    tcp: Int32Array.from(
      [
        tcp_syn_sent,
        tcp_syn_sent,
        seconds.tcp_syn_recv,
        seconds.tcp_established,
        seconds.tcp_fin_wait,
        seconds.tcp_close_wait,
        seconds.tcp_last_ack,
        seconds.tcp_time_wait,
        tcp_close,
        SYN_SENT2,
      ],
      jiffies,
    ),
    tcpRetransmitted: jiffies(seconds.tcp_max_retrans),
    tcpUnacknowledged: jiffies(seconds.tcp_unacknowledged),
    udp: jiffies(seconds.udp),
    udpStream: jiffies(seconds.udp_stream),
    gre: jiffies(seconds.gre),
    greStream: jiffies(seconds.gre_stream),
    icmp: jiffies(seconds.icmp),
    icmp6: jiffies(seconds.icmpv6),
    sctp: Int32Array.from(
      [
        sctp_closed,
        sctp_closed,
        seconds.sctp_cookie_wait,
        seconds.sctp_cookie_echoed,
        seconds.sctp_established,
        seconds.sctp_shutdown_sent,
        seconds.sctp_shutdown_recd,
        seconds.sctp_shutdown_ack_sent,
        seconds.sctp_heartbeat_sent,
      ],
      jiffies,
    ),
    generic: jiffies(seconds.generic),
  }
}
