import { type Flow, pick, random } from './traffic.js'

/** What the chapter is about: clients within and without their limit, the proxy, outsiders, the data stores. */
export function chapterFlows(count: number, seed: number): Flow[] {
  const next = random(seed)
  const server4 = '10.0.0.50'
  const server6 = 'fd00:10::50'
  return Array.from({ length: count }, (): Flow => {
    const host = Math.floor(next() * 250)
    return pick<Flow>(
      [
        { hook: 'input', source: `10.0.3.${host}`, destination: server4, port: 11434 },
        { hook: 'input', source: `fd00:10:0:${host.toString(16)}::7`, destination: server6, port: 11434 },
        { hook: 'input', source: '10.0.0.100', destination: server4, port: 8080 },
        { hook: 'input', source: `203.0.113.${host}`, destination: server4, port: 11434 },
        { hook: 'input', source: `2001:db8::${host.toString(16)}`, destination: server6, port: 22 },
        { hook: 'output', source: server4, destination: '10.0.2.10', port: 5432 },
        { hook: 'output', source: server6, destination: 'fd00:10:0:2::11', port: 6379 },
        { hook: 'output', source: server4, destination: `198.51.100.${host}`, port: 443 },
      ],
      next,
    )
  })
}
