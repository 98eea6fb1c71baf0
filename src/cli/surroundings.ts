import { networkInterfaces } from 'node:os'
import type { Session, Surroundings } from '../advice/advise.js'
import { parseAddress } from '../packet/address.js'

/** What advice has to know of this machine. */
export function surroundings(): Surroundings {
  const session = sessionOf(process.env.SSH_CONNECTION)
  return { docker: 'docker0' in networkInterfaces(), ...(session === undefined ? {} : { session }) }
}

/** The connection of SSH that this runs in: `CLIENT PORT SERVER PORT` (ssh(1)). */
export function sessionOf(text: string | undefined): Session | undefined {
  const [address = '', clientPort, , serverPort] = text?.split(' ') ?? []
  const client = parseAddress(address)
  const ports = [Number(clientPort), Number(serverPort)] as const
  if (client === undefined || !ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536))
    return undefined
  return { client, clientPort: ports[0], serverPort: ports[1] }
}
