import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** Free ports of 127.0.0.1, all different. Only free when asked: whoever uses them retries with others. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** A port was taken between being found free and being used. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken'
}

const TRIES = 5

/** Starts on free ports, and on others where one of these was taken meanwhile. */
export async function onFreePorts<T>(count: number, start: (ports: number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePorts(count))
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === TRIES) throw error
    }
  }
}
