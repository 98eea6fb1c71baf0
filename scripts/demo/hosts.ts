// Who takes part in the demo, with the addresses of examples/ai-server.yaml.

export type Family = 'IPv4' | 'IPv6'

export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6']

export interface Host {
  readonly name: string
  readonly IPv4: string
  readonly IPv6: string
  /** The TCP ports it serves. */
  readonly ports: readonly number[]
}

const host = (name: string, IPv4: string, IPv6: string, ...ports: number[]): Host => ({
  name,
  IPv4,
  IPv6,
  ports,
})

export const server = host('server', '10.0.0.50', 'fd00:10::50', 11434, 8080, 22, 9090)

export const client = host('client', '10.0.0.7', 'fd00:10::7')
// Over IPv6 a source is a /64, so whoever must not share the client's window lives in another one.
export const colleague = host('colleague', '10.0.0.8', 'fd00:10:0:1::8')
export const proxy = host('proxy', '10.0.0.100', 'fd00:10::100')
export const admin = host('admin', '10.0.0.5', 'fd00:10::5')
export const outsider = host('outsider', '203.0.113.9', '2001:db8:bad::9')

export const postgres = host('postgres', '10.0.2.10', 'fd00:10:0:2::10', 5432, 22)
export const redis = host('redis', '10.0.2.11', 'fd00:10:0:2::11', 6379)
export const elasticsearch = host('elasticsearch', '10.0.2.12', 'fd00:10:0:2::12', 9200)
export const management = host('management', '10.0.0.1', 'fd00:10::1', 22)
export const internet = host('internet', '198.51.100.1', '2001:db8:1::1', 443)

export const hosts: readonly Host[] = [
  server,
  client,
  colleague,
  proxy,
  admin,
  outsider,
  postgres,
  redis,
  elasticsearch,
  management,
  internet,
]
