/** What is known of the host whose verdicts are wanted; the names are those of ip(8) and of the kernel's sysctls. */
export interface HostSettings {
  /** Names of the interfaces in the order of their indexes, which begin with 1: `lo`, and the others. */
  readonly interfaces: readonly string[]
  readonly addresses: readonly HostAddress[]
  /** Every address is the host's own, but for broadcast and multicast ones. Default: false. */
  readonly everythingLocal?: boolean
  /** The interface of the default route, by its index; 0: there is none. Default: the first behind `lo`. */
  readonly defaultRoute?: number
  /** net.ipv4.ip_forward and net.ipv6.conf.all.forwarding. */
  readonly forwarding?: boolean
  /** net.ipv4.conf.all.accept_local: packets may come from one of our own addresses. Default: false. */
  readonly acceptLocal?: boolean
  /** net.ipv4.conf.all.route_localnet: addresses of 127.0.0.0/8 are as good as others. Default: false. */
  readonly routeLocalnet?: boolean
  /** net.ipv4.conf.all.accept_source_route. Default: false. */
  readonly acceptSourceRoute?: boolean
  /** The interfaces have no neighbour discovery, as TUN devices: solicited-node groups are not joined. Default: false. */
  readonly noArp?: boolean
  /** Bytes that an interface carries at once; `lo` carries all. Default: no bound. */
  readonly mtu?: number
}

/** An address of the host, with the length of its network's prefix. */
export interface HostAddress {
  readonly address: string
  readonly length: number
  /** The interface's index. */
  readonly interface: number
}
