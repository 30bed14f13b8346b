import { host, type Start } from './host.js'

const kinds: Readonly<Record<string, () => Promise<Start>>> = {
  // Loaded when needed: the client of the container engine is large.
  docker: async () => (await import('./docker.js')).startContainer,
  jvm: async () => (await import('./jvm.js')).startJvm,
}

const start = await kinds[process.argv[2] ?? '']?.()
if (start !== undefined) await host(start)
// Libraries leave sockets open, which would keep the process.
process.exit()
