import { GenericContainer, ImageName, Wait } from 'testcontainers'
import { KAFKA_VERSION, SINGLE_NODE, messageOf } from './broker.js'
import { answeringEngine, removeContainer, unlessAborted, whenStopped } from './engine.js'
import type { Hosting, Running } from './host.js'
import { onFreePorts, PortTaken } from './ports.js'

const IMAGE = `apache/kafka:${KAFKA_VERSION}`
const START_MS = 120_000
const CLIENT_PORT = 9092

/** Starts Kafka in a container. */
export async function startContainer(hosting: Hosting): Promise<Running> {
  const { signal, say } = hosting
  // This process does the reaper's work, without one more image to fetch. Read when a container starts.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
  const engine = await answeringEngine()
  const image = ImageName.fromString(IMAGE)
  if (!(await engine.image.exists(image))) {
    say(`fetching the image ${IMAGE} (once) …`)
    await unlessAborted(engine.image.pull(image), signal)
  }
  const { host } = engine.info.containerRuntime
  return onFreePorts(1, async ([port = 0]) => {
    const container = new BrokerContainer(hosting, host, port)
    try {
      const started = await container.start()
      const ended = whenStopped(started.getId())
      const stop = (): Promise<void> => removeContainer(started.getId())
      return {
        brokers: [container.address],
        origin: `Apache Kafka ${KAFKA_VERSION} in a container`,
        ended,
        stop,
      }
    } catch (error) {
      if (container.id !== undefined) await removeContainer(container.id)
      signal.throwIfAborted()
      const taken = /port is already allocated|address already in use|ports are not available/i
      throw taken.test(messageOf(error)) ? new PortTaken(messageOf(error)) : error
    }
  })
}

class BrokerContainer extends GenericContainer {
  readonly address: string
  id: string | undefined
  readonly #hosting: Hosting

  constructor(hosting: Hosting, engineHost: string, port: number) {
    super(IMAGE)
    this.#hosting = hosting
    const local = engineHost === 'localhost' || engineHost === '127.0.0.1'
    const host = local ? '127.0.0.1' : engineHost
    this.address = `${host}:${String(port)}`
    // A broker tells its clients its address, so the published port has to be known before it starts.
    this.withExposedPorts({ container: CLIENT_PORT, host: port })
    if (local) {
      // testcontainers publishes on every interface; nobody else has business with this broker.
      const binding = [{ HostIp: host, HostPort: String(port) }]
      this.hostConfig.PortBindings = { [`${String(CLIENT_PORT)}/tcp`]: binding }
    }
    this.withEnvironment(environment(this.address))
    this.withWaitStrategy(Wait.forLogMessage(/Kafka Server started/)).withStartupTimeout(START_MS)
  }

  protected override async containerCreated(id: string): Promise<void> {
    this.id = id
    this.#hosting.owns({ container: id })
    // Removing it ends the wait for its log too.
    const remove = (): void => {
      // What it cannot remove is tried again by whoever notices the end of the start or of the broker.
      removeContainer(id).catch(() => undefined)
    }
    this.#hosting.signal.addEventListener('abort', remove, { once: true })
    this.#hosting.signal.throwIfAborted()
    return Promise.resolve()
  }
}

/** The settings as the image takes them: `log.dirs` is `KAFKA_LOG_DIRS`. */
function environment(address: string): Record<string, string> {
  const settings = {
    ...SINGLE_NODE,
    // The broker calls itself too (transactions need it), and inside of the container the published address
    // leads nowhere: so a listener for itself.
    'inter.broker.listener.name': 'INTERNAL',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    listeners: `PLAINTEXT://:${String(CLIENT_PORT)},INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093`,
    'advertised.listeners': `PLAINTEXT://${address},INTERNAL://127.0.0.1:9094`,
    'controller.quorum.voters': '1@127.0.0.1:9093',
  }
  const variables: Record<string, string> = { KAFKA_HEAP_OPTS: '-Xmx512m' }
  for (const [name, value] of Object.entries(settings)) {
    variables[`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`] = value
  }
  return variables
}
