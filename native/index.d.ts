/** Packets that one call of `onBatch` may get; the length of every array of a {@link Batch}. */
export const BATCH: 256

/** The packet ends here. What `verdict` holds when a batch arrives. */
export const DROP: 0
/** The packet goes on to the next base chain or hook; the rest of the chain with the queue rule is skipped. */
export const ACCEPT: 1
/** The packet goes through the same hook again, and maybe to the queue again, with a new id. */
export const REPEAT: 4
/** As ACCEPT, and no further base chain of the hook sees the packet. */
export const STOP: 5

/** `checksum`: the checksums are not filled in yet, by design; the packet is in order. */
export const NOT_READY: 1
/** `checksum`: the packet is larger than the MTU; the network card or the kernel cuts it later. */
export const GSO: 2
/** `checksum`: nobody has checked the checksums of this received packet. */
export const NOT_VERIFIED: 4

/** `uid`, `gid`, `conntrackInfo`: the kernel did not say. */
export const UNKNOWN: 0xffffffff

export interface QueueOptions {
  /** The queue's number, 0..65535, as in `-j NFQUEUE --queue-num`. */
  number: number
  /**
   * Bytes of each packet that are copied to user space, 0..65531. Default 65531, the kernel's maximum.
   * What is not copied still belongs to the packet. 0: no bytes, and `trueLength` is 0 too.
   */
  copyRange?: number | undefined
  /**
   * Packets that the kernel holds for this queue before it drops (or with `failOpen` accepts) new ones.
   * Default 4096: some 7 ms at 600,000 packets a second, so that a pause of the garbage collector loses
   * nothing (the kernel's own default is 1024), while their bytes still fit the receive buffer if small.
   */
  maxLength?: number | undefined
  /** Accept, instead of drop, packets that find the queue or the receive buffer full. Default false. */
  failOpen?: boolean | undefined
  /** Tell the owner of the socket that sent a packet, in `uid` and `gid`. Default false. */
  uidGid?: boolean | undefined
  /**
   * Tell the connection tracking state in `conntrackInfo`. Default false. Throws KERNEL_OPTION_MISSING if
   * the kernel was built without CONFIG_NETFILTER_NETLINK_GLUE_CT.
   */
  conntrack?: boolean | undefined
  /**
   * Bytes for the socket's receive buffer. Default 8 MiB. Goes beyond net.core.rmem_max if the process has
   * CAP_NET_ADMIN in the first user namespace; otherwise it is cut to it. See `statistics()`.
   */
  receiveBuffer?: number | undefined
  /**
   * Read from this socket, which has the queue bound to it already, instead of opening one: what another
   * process's `detach()` handed out. It belongs to the queue from then on (`close()` closes it), unless
   * `openQueue` throws. The other options are set anew. Should the kernel refuse one, `onError` is told
   * and the queue goes on as it was bound.
   */
  descriptor?: number | undefined
  /**
   * Told of what `onBatch` threw, and of a socket that failed (the queue is closed then), each time after
   * the batch, from a `setImmediate`. Without it the error is raised as an uncaught exception.
   */
  onError?: ((error: Error) => void) | undefined
}

/**
 * The packets of one call of `onBatch`, at indexes 0..count-1. The arrays are allocated once and are
 * overwritten by the next batch: what is to last must be copied. They all share one ArrayBuffer, which
 * cannot be transferred. Integers are in host order.
 */
export interface Batch {
  /** The captured bytes of all packets, each from its IP header on. Between them is nothing of meaning. */
  readonly buffer: Uint8Array
  /** The kernel's number of the packet, rising within the queue. */
  readonly id: Uint32Array
  /** Where the packet starts in `buffer`. */
  readonly offset: Uint32Array
  /** Bytes captured. */
  readonly length: Uint32Array
  /** Bytes the packet has; more than `length` if `copyRange` cut it. */
  readonly trueLength: Uint32Array
  /** NF_INET_*: 0 prerouting, 1 local in, 2 forward, 3 local out, 4 postrouting. */
  readonly hook: Uint8Array
  /** Ethertype: 0x0800 IPv4, 0x86dd IPv6. */
  readonly protocol: Uint16Array
  /** The packet's mark as it came. */
  readonly mark: Uint32Array
  /** Interface index, 0: none (an outgoing packet). */
  readonly inputInterface: Uint32Array
  /** Interface index, 0: none (an incoming packet). */
  readonly outputInterface: Uint32Array
  /** The sender's hardware address, 8 bytes a packet: packet i's are at 8 * i. */
  readonly hardwareAddress: Uint8Array
  /** Bytes of it that count: 6 for Ethernet, 0 if there is none. */
  readonly hardwareAddressLength: Uint8Array
  /** When the kernel received the packet: nanoseconds since 1970. 0 if it did not say, as is usual. */
  readonly timestamp: Float64Array
  /** Bits: NOT_READY, GSO, NOT_VERIFIED. */
  readonly checksum: Uint8Array
  /** The sending socket's user as the first user namespace numbers it; UNKNOWN without `uidGid` or a local socket. */
  readonly uid: Uint32Array
  /** The sending socket's group, as `uid`. */
  readonly gid: Uint32Array
  /** enum ip_conntrack_info: 0 established, 1 related, 2 new; +3 in reply direction. UNKNOWN: not supplied. */
  readonly conntrackInfo: Uint32Array
  /** [0]: CLOCK_MONOTONIC in nanoseconds when the batch was read. */
  readonly now: Float64Array
  /** To be filled in: DROP (what it holds at the call), ACCEPT, REPEAT or STOP. Anything else is DROP. */
  readonly verdict: Uint8Array
  /** Holds `mark` at the call. Change it to change the packet's mark; without effect on DROP. */
  readonly verdictMark: Uint32Array
}

/** Counts since the queue was opened, which go on being told after it was closed. */
export interface QueueStatistics {
  /** Packets given to `onBatch`. */
  received: number
  /** Calls of `onBatch`. */
  batches: number
  /** Packets that got ACCEPT or STOP. REPEAT counts neither here nor in `dropped`. */
  accepted: number
  /** Packets that got DROP: by `onBatch`, or because their message could not be parsed. */
  dropped: number
  /** Verdicts that the kernel refused, and values in `verdict` that are none (they became DROP). */
  verdictErrors: number
  /** Reads that failed for want of memory, and messages that were truncated or could not be parsed. */
  receiveErrors: number
  /** Calls of `onBatch` that threw. */
  callbackErrors: number
  /** Netlink messages with verdicts; a run of equal ones is one message. */
  messagesSent: number
  /** System calls that sent them. */
  sendCalls: number
  /** Calls of recvmmsg. */
  receiveCalls: number
  /** Packets dropped by the kernel because it held `maxLength` already. NaN if closed, or not shown by /proc. */
  queueDropped: number
  /** Packets dropped by the kernel because the receive buffer was full; NaN as above. */
  userDropped: number
  /** Packets that the kernel holds and no verdict has reached; NaN as above. */
  waiting: number
  /** Bytes of the receive buffer as the kernel accounts for it: twice what was asked for, if granted. */
  receiveBuffer: number
  /** Whether SO_RCVBUFFORCE was permitted, so that net.core.rmem_max did not matter. */
  receiveBufferForced: boolean
}

export interface Queue {
  readonly batch: Batch
  /** The netlink socket, -1 once closed or detached. */
  readonly descriptor: number
  statistics(): QueueStatistics
  /** Stops reading; the kernel holds what arrives, up to `maxLength`. */
  pause(): void
  resume(): void
  /**
   * Stops for good and hands out the socket, which stays bound and open and is the caller's to close.
   * Within `onBatch` the batch is answered first, as soon as the callback returns: pass it on after that.
   * Throws BAD_DESCRIPTOR if the queue is closed, SYSTEM if the kernel does not take the verdicts that are
   * due (try again).
   */
  detach(): number
  /**
   * Stops for good. The kernel drops what it holds, and what arrives until someone binds the queue again.
   * Within `onBatch` the batch is answered first. A second call does nothing.
   */
  close(): void
  /** Let the queue keep the process alive (it does unless told otherwise). */
  ref(): void
  unref(): void
}

/**
 * Binds a queue and calls `onBatch` with the number of packets in `queue.batch` whenever there are some.
 * The verdicts are sent when it returns. If it throws, what it decided so far counts, the rest of the
 * batch is dropped, `onError` is told, and the queue goes on.
 *
 * The process needs CAP_NET_ADMIN in the user namespace that owns its network namespace, not only to open
 * a queue: the kernel asks again at every verdict.
 *
 * @throws {QueueError} see {@link QueueErrorCode}
 */
export function openQueue(options: QueueOptions, onBatch: (count: number) => void): Queue

export type QueueErrorCode =
  /** CAP_NET_ADMIN is missing. */
  | 'NO_PERMISSION'
  /** Another socket has bound this queue; the message says whose, if that can be seen. */
  | 'QUEUE_TAKEN'
  /** The kernel has no nfnetlink_queue, or it is not loaded. */
  | 'MODULE_MISSING'
  /** The kernel refuses a flag; the message names the option and what it needs. */
  | 'KERNEL_OPTION_MISSING'
  /** This is not Linux. */
  | 'NOT_LINUX'
  /** The addon was not compiled, or does not load; the message says why. */
  | 'ADDON_MISSING'
  /** An option of `openQueue` is wrong or unknown. */
  | 'BAD_OPTION'
  /** `descriptor` has not this queue bound to it, or the queue is closed. */
  | 'BAD_DESCRIPTOR'
  /** Anything else; see `errno`. */
  | 'SYSTEM'

export class QueueError extends Error {
  constructor(code: QueueErrorCode, message: string, options?: { errno?: number; cause?: unknown })
  readonly code: QueueErrorCode
  /** The system's error number, if the error came from it. */
  readonly errno?: number
}

/**
 * Whether this process could open a queue: the addon is built, the kernel has NFQUEUE, the permission is
 * there. Never throws and changes nothing.
 */
export function probe(): { ok: true; error?: undefined } | { ok: false; error: QueueError }

/**
 * A netlink socket to netfilter (NETLINK_NETFILTER), for nf_tables and connection tracking. It knows nothing of what
 * the messages mean: they are whole netlink messages, header included (netlink(7)).
 */
export interface NetfilterSocket {
  /** Bytes that one request may have, a batch of nf_tables included. */
  readonly limit: number
  /**
   * Sends messages, all at once, and calls back for each datagram of answers, which is valid during the call only. The
   * kernel carries messages out before the sending returns: when this does, nothing more will come. Throws QueueError
   * if they cannot be sent; a refusal of the kernel is an answer.
   */
  request(messages: Uint8Array, onAnswer: (answer: Uint8Array) => void): void
  close(): void
}

/**
 * Opens such a socket.
 *
 * @param buffer bytes of its buffers; 1 MiB otherwise. More than net.core.wmem_max only with CAP_NET_ADMIN in the first
 *   user namespace: see `limit`
 * @throws {QueueError}
 */
export function openNetfilter(buffer?: number): NetfilterSocket

/** The name of an interface index in the caller's network namespace, undefined if there is none. A system call. */
export function interfaceName(index: number): string | undefined
