/** Takes orders as bench/rivals/flood.c does, but sends UDP from its own address: for machines without a C compiler. */
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

const PAYLOAD = Buffer.alloc(12)
/** Datagrams that are on their way at once. */
const AT_ONCE = 64

const socket = createSocket('udp4')
for await (const order of createInterface(process.stdin)) {
  const [count, , , , destination, port] = order.split(' ')
  const send = () =>
    new Promise((resolve) => socket.send(PAYLOAD, Number(port), destination!, () => resolve(undefined)))
  for (let left = Number(count); left > 0; left -= AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, send))
  process.stdout.write('sent\n')
}
socket.close()
