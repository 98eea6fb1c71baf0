/** Which transport protocols the services of symbols/services.ts have in Debian's /etc/services: TCP, unless named here. */
import { SERVICES } from '../../ruleset/symbols/services.js'
import { symbolValue } from '../../ruleset/symbols/symbols.js'

const UDP = `bootps bootpc tftp ntp netbios-ns netbios-dgm xdmcp ipx ptp-event ptp-general clearcase isakmp asf-rmcp biff
  who talk ntalk route router dhcpv6-client dhcpv6-server ms-sql-m l2f l2tp icpv2 ipsec-nat-t iax mdns babel`
const BOTH = `echo discard daytime chargen time tacacs domain kerberos kerberos-sec sunrpc portmapper snmp snmp-trap
  snmptrap cmip-man rpc2portmap codaauth2 ldap svrloc https kpasswd rtsp syslog gdomap ldaps tinc domain-s openvpn
  datametrics sa-msg-port radius radius-acct nfs gnunet rtcm-sc104 venus venus-se codasrv codasrv-se mon isns nut sip
  sip-tls gnutella-svc`

const udp = new Set(UDP.split(/\s+/))
const both = new Set(BOTH.split(/\s+/))

/** The port and the protocol of a service; undefined if it is not known. */
export function serviceOf(name: string): { port: number; protocol: 'tcp' | 'udp' | 'any' } | undefined {
  const port = symbolValue(SERVICES, name)
  return port === undefined
    ? undefined
    : { port, protocol: both.has(name) ? 'any' : udp.has(name) ? 'udp' : 'tcp' }
}
