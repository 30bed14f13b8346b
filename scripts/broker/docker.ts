import { setTimeout } from 'node:timers/promises'
import { GenericContainer, getContainerRuntimeClient } from 'testcontainers'
import { KAFKA_VERSION, SINGLE_NODE, Unavailable, type Broker } from './broker.js'
import { freePorts } from './ports.js'

const ENGINE_MS = 10_000
const START_MS = 120_000

/** Starts Kafka in a container, which testcontainers removes if this process ends without removing it. */
export async function startContainer(): Promise<Broker> {
  const noEngine = (): never => {
    throw new Unavailable('no Docker engine answers')
  }
  const engine = getContainerRuntimeClient().catch(noEngine)
  const tooLate = setTimeout(ENGINE_MS, undefined, { ref: false }).then(noEngine)
  const { info } = await Promise.race([engine, tooLate])
  const local = ['localhost', '127.0.0.1'].includes(info.containerRuntime.host)
  const host = local ? '127.0.0.1' : info.containerRuntime.host
  // A broker tells clients its address, so the published port must be known before it starts.
  const [port = 0] = await freePorts(1)
  console.error(`broker: starting Apache Kafka ${KAFKA_VERSION} in a container (fetches its image once) …`)
  const container = await new KafkaContainer(host, port).withStartupTimeout(START_MS).start()
  return {
    brokers: [`${host}:${String(port)}`],
    origin: `Apache Kafka ${KAFKA_VERSION} in a container`,
    stop: async () => {
      await container.stop()
    },
  }
}

class KafkaContainer extends GenericContainer {
  constructor(host: string, port: number) {
    super(`apache/kafka:${KAFKA_VERSION}`)
    // The same port inside and outside, so that the broker reaches itself by the address that it advertises.
    this.withExposedPorts({ container: port, host: port })
    if (host === '127.0.0.1') {
      // testcontainers publishes on every interface; this broker has no login.
      this.hostConfig.PortBindings = { [`${String(port)}/tcp`]: [{ HostIp: host, HostPort: String(port) }] }
    }
    const settings = {
      ...SINGLE_NODE,
      listeners: `PLAINTEXT://:${String(port)},CONTROLLER://127.0.0.1:9093`,
      'advertised.listeners': `PLAINTEXT://${host}:${String(port)}`,
      'controller.quorum.voters': '1@127.0.0.1:9093',
    }
    // The image takes `log.dirs` as KAFKA_LOG_DIRS.
    const variable = (name: string): string => `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`
    this.withEnvironment({ KAFKA_HEAP_OPTS: '-Xmx512m' })
    for (const [name, value] of Object.entries(settings)) this.withEnvironment({ [variable(name)]: value })
  }
}
