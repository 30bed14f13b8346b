import { randomBytes } from 'node:crypto'
import { SINGLE_NODE } from './broker.js'

/** `server.properties` of a broker on two ports of 127.0.0.1 that keeps its data in `dataFolder`. */
export function serverProperties(port: number, controllerPort: number, dataFolder: string): string {
  const settings = {
    ...SINGLE_NODE,
    listeners: `PLAINTEXT://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${String(port)}`,
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    'log.dirs': dataFolder,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Everything to standard output, which goes to a file. */
export const LOG4J = `appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=OUT
`

/** A cluster id as `StorageTool random-uuid` makes it, which would be one more JVM to wait for. */
export function clusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    // The tool would take a leading dash for an option.
    if (!id.startsWith('-')) return id
  }
}
