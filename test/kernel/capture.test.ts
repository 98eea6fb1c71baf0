import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdsIP, LinkType } from '../../src/capture/link.js'
import { openCapture } from '../../src/capture/open.js'
import { Column, Family } from '../../src/packet/packet.js'
import { readAll } from '../capture/support/read.js'
import { capinfos, tcpdump } from '../capture/support/tools.js'
import { needs } from '../sandbox/needs.js'
import { eventually } from '../sandbox/processes.js'
import { CLIENT, execute, makeHosts, removeHosts, SERVER, serve, start } from './support/namespaces.js'

const to = (address: string) => `for i in 1 2 3; do exec 3<>/dev/tcp/${address}/11434; done`
/** Three connections over each IP version, a datagram, and what is refused. */
const TRAFFIC = `${to(SERVER.ipv4)}; ${to(SERVER.ipv6)}
  echo hello >/dev/udp/${SERVER.ipv4}/53; exec 3<>/dev/tcp/${SERVER.ipv4}/80`

/** Whether a capture, which may still be written, holds a packet from a port. */
async function holds(file: string, port: number): Promise<boolean> {
  const reader = await openCapture(file)
  let found = false
  while (await reader.fill()) while (reader.next()) found ||= reader.packet.fields[Column.sport] === port
  reader.close()
  return found
}

needs()('captures of a network', () => {
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-capture-'))
    makeHosts()
    await serve(SERVER, 11434)
  })

  afterAll(async () => {
    await removeHosts()
    rmSync(folder, { recursive: true })
  })

  /** Captures on the server while a client connects and pings; what the tool wrote. */
  async function capture(name: string, tool: string, ...args: string[]): Promise<string> {
    const file = join(folder, name)
    const child = start(SERVER, tool, ...args, '-w', file)
    const ended = once(child, 'exit')
    let said = ''
    child.stderr!.on('data', (chunk) => {
      said += chunk
    })
    expect(await eventually(() => /listening on|File: /.test(said))).toBe(true)
    expect(execute(CLIENT, 'bash', '-c', TRAFFIC).output).toMatch(/80: Connection refused/)
    // The refusal of port 80 was the last packet: once it is in the file, so are the others.
    for (let tries = 0; tries < 200 && !(await holds(file, 80)); tries++) await sleep(50)
    child.kill('SIGINT')
    await ended
    return file
  }

  // A snap length makes tcpdump's ring one of many packets; without, it loses some.
  const quick = ['-Z', 'root', '--immediate-mode', '-U', '-s', '500', '-i']
  test.each<[string, string, number, string[]]>([
    ['tcpdump.pcap', 'tcpdump', LinkType.ethernet, [...quick, 'eth0']],
    [
      'tcpdump-ns.pcap',
      'tcpdump',
      LinkType.ethernet,
      [...quick, 'eth0', '--time-stamp-precision=nano', '-s', '80'],
    ],
    ['tcpdump-any.pcap', 'tcpdump', LinkType.linuxSll2, [...quick, 'any']],
    ['dumpcap.pcapng', 'dumpcap', LinkType.ethernet, ['-i', 'eth0']],
    ['dumpcap.pcap', 'dumpcap', LinkType.ethernet, ['-P', '-i', 'eth0']],
    ['dumpcap-both.pcapng', 'dumpcap', LinkType.ethernet, ['-i', 'eth0', '-i', 'lo']],
  ])('%s: every packet and byte that %s wrote', async (name, tool, linkType, args) => {
    const file = await capture(name, tool, ...args)
    const { packets, end } = await readAll(file)
    expect(end).toBe('whole')
    const info = capinfos(file)
    expect(packets.length).toBe(info.packets)
    expect(packets.reduce((sum, { length }) => sum + length, 0)).toBe(info.bytes)
    expect(packets.every((packet) => packet.linkType === linkType && holdsIP(linkType))).toBe(true)
    expect(tcpdump('-r', file, '--count')).toContain(`${packets.length} packet`)

    // Each SYN that was answered: three of each family, and none else from the client to that port.
    const syns = { [Family.ipv4]: 0, [Family.ipv6]: 0 }
    const reader = await openCapture(file)
    const directions = new Set<number>()
    while (await reader.fill())
      while (reader.next()) {
        const { packet } = reader
        if (packet.fields[Column.l4proto] !== 6 || packet.fields[Column.dport] !== 11434) continue
        directions.add(reader.direction)
        if ((packet.view.getUint8(packet.transport + 13) & 0x3f) === 2)
          syns[packet.family as keyof typeof syns]++
      }
    reader.close()
    expect(syns).toEqual({ [Family.ipv4]: 3, [Family.ipv6]: 3 })
    if (linkType === LinkType.linuxSll2) expect([...directions]).toEqual([1])
    if (name.endsWith('pcapng')) expect(packets[0]!.name).toBe('eth0')
  })
})
