import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that systems give to outgoing connections, so that a free port stays free until it is used. */
const RANGE = [20_000, 32_000] as const

/** Free ports of 127.0.0.1, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(...RANGE)
    const server = createServer()
    const free = await once(server.listen(port, '127.0.0.1'), 'listening').catch(() => undefined)
    if (free === undefined) continue
    await once(server.close(), 'close')
    ports.add(port)
  }
  return [...ports]
}
