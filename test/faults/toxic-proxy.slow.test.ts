import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ToxicProxy } from '../../faults/harness/toxic-proxy.js'

let server: Server
let proxy: ToxicProxy
let clients: Socket[] = []
/** What the server received. */
let requests = ''

/** A server that answers each byte with the same byte. */
beforeEach(async () => {
  requests = ''
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      requests += chunk.toString()
      socket.write(chunk)
    })
    socket.on('end', () => socket.end())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  proxy = await ToxicProxy.listen(0, (server.address() as AddressInfo).port)
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  clients = []
  await proxy.close()
  server.close()
})

interface Client {
  readonly socket: Socket
  /** What it received. */
  answers: string
  /** The error with which it ended; an empty text for none. */
  readonly closed: Promise<string>
}

async function client(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1')
  clients.push(socket)
  let error = ''
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (error = code ?? 'unknown'))
  const closed = new Promise<string>((resolve) =>
    socket.on('close', () => {
      resolve(error)
    }),
  )
  const self: Client = { socket, answers: '', closed }
  socket.on('data', (chunk) => (self.answers += chunk.toString()))
  await Promise.race([new Promise((resolve) => socket.on('connect', resolve)), closed])
  return self
}

async function until(holds: () => boolean): Promise<number> {
  const from = performance.now()
  while (!holds()) {
    if (performance.now() - from > 5000) throw new Error('it never held')
    await setTimeout(2)
  }
  return performance.now() - from
}

it('a proxy without a toxic carries all bytes both ways, in order, and then the end', async () => {
  const self = await client()
  const text = Array.from({ length: 200_000 }, (_, i) => String(i)).join(' ')
  self.socket.end(text)
  expect(await self.closed).toBe('')
  expect(self.answers).toBe(text)
  expect(requests).toBe(text)
  expect(proxy.connections).toBe(0)
})

it('delayed bytes arrive later by the delay in each direction, not by a delay for each chunk', async () => {
  const self = await client()
  proxy.become({ delayMs: 100 })
  for (const letter of 'abcdefghij') {
    self.socket.write(letter)
    await setTimeout(5)
  }
  const tookMs = await until(() => self.answers === 'abcdefghij')
  expect(tookMs).toBeGreaterThan(120)
  expect(tookMs).toBeLessThan(800)
})

it('a limited connection carries as many bytes a second as it may', async () => {
  const self = await client()
  proxy.become({ bytesPerSecond: 100_000 })
  self.socket.write('x'.repeat(40_000))
  expect(await until(() => self.answers.length === 40_000)).toBeGreaterThan(350)
})

it('a connection whose requests were swallowed stays silent, and new ones are well once the toxic is gone', async () => {
  const self = await client()
  proxy.become({ swallow: 'requests' })
  self.socket.write('lost')
  await setTimeout(50)
  proxy.become({})
  self.socket.write('lost too')
  await setTimeout(50)
  expect([requests, self.answers]).toEqual(['', ''])
  const next = await client()
  next.socket.write('heard')
  await until(() => next.answers === 'heard')
  expect(self.answers).toBe('')
})

it('a swallowed answer was a request that the server has', async () => {
  const self = await client()
  proxy.become({ swallow: 'answers' })
  self.socket.write('done')
  await until(() => requests === 'done')
  await setTimeout(50)
  expect(self.answers).toBe('')
})

it('a cut ends every connection without an error, a reset with one', async () => {
  const [first, second] = [await client(), await client()]
  await until(() => proxy.connections === 2)
  proxy.cut()
  expect(await Promise.all([first.closed, second.closed])).toEqual(['', ''])
  const third = await client()
  await until(() => proxy.connections === 1)
  proxy.reset()
  expect(await third.closed).toBe('ECONNRESET')
  await until(() => proxy.connections === 0)
})

it('a proxy that refuses resets new connections and leaves old ones', async () => {
  const old = await client()
  old.socket.write('a')
  await until(() => old.answers === 'a')
  proxy.become({ refuses: true })
  const refused = await client()
  expect(await refused.closed).toBe('ECONNRESET')
  old.socket.write('b')
  await until(() => old.answers === 'ab')
})

it('the proxy survives a server that is away, and carries again when it is back', async () => {
  const { port } = server.address() as AddressInfo
  server.close()
  const unlucky = await client()
  await unlucky.closed
  server = createServer((socket) => socket.end('back'))
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const lucky = await client()
  await until(() => lucky.answers === 'back')
})
