import { GenericContainer, getContainerRuntimeClient, ImageName, Wait } from 'testcontainers'
import { KAFKA_VERSION, SINGLE_NODE, messageOf, Unavailable } from './broker.js'
import type { Hosting, Running } from './host.js'
import { onFreePorts, PortTaken } from './ports.js'

type Engine = Awaited<ReturnType<typeof getContainerRuntimeClient>>

const IMAGE = `apache/kafka:${KAFKA_VERSION}`
const ENGINE_MS = 10_000
const START_MS = 120_000
const CLIENT_PORT = 9092
const NOT_FOUND = 404
const CONFLICT = 409

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
      const ended = end(engine, started.getId())
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

/** The engine itself has to answer: a `docker` program without one is common. */
async function answeringEngine(): Promise<Engine> {
  const timeout = AbortSignal.timeout(ENGINE_MS)
  return unlessAborted(getContainerRuntimeClient(), timeout).catch(() => {
    throw new Unavailable('no Docker engine answers')
  })
}

/** A promise, or the signal's reason where that comes first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void => {
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', fail, { once: true })
    if (signal.aborted) fail()
  })
  return Promise.race([promise, aborted])
}

async function end(engine: Engine, id: string): Promise<string> {
  await engine.container
    .getById(id)
    .wait()
    .catch(() => undefined)
  return 'its container stopped'
}

/** Removes a container with its data, running or not, and resolves once it is gone. */
export async function removeContainer(id: string): Promise<void> {
  const engine = await getContainerRuntimeClient()
  const container = engine.container.getById(id)
  await container.remove({ force: true, v: true }).catch(async (error: unknown) => {
    const status = statusOf(error)
    if (status === NOT_FOUND) return
    if (status !== CONFLICT) throw error
    // An earlier call is at it, and this process must not end before the engine has done it.
    await container.wait({ condition: 'removed' }).catch((waiting: unknown) => {
      if (statusOf(waiting) !== NOT_FOUND) throw waiting
    })
  })
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode
}
