import { checkAnswers, messageOf, Unavailable, type Broker } from './broker.js'

/** One way to start a broker. */
export interface Way {
  /** How a person can make it available. */
  readonly remedy: string
  /** @throws Unavailable if this machine does not have it */
  start(): Promise<Broker>
}

const WAYS: Readonly<Record<string, Way>> = {
  docker: {
    remedy: 'install Docker and start its engine (a Docker-compatible engine will do)',
    // Loaded when needed: the client of the engine is large.
    start: async () => (await import('./docker.js')).startContainer(),
  },
  jvm: {
    remedy: 'install Java 17 or later, and Maven, which fetches Kafka the first time (Linux, macOS)',
    start: async () => (await import('./jvm.js')).startJvm(),
  },
}

/** KafkaJS's retries until a broker that starts must answer: about a minute. */
const STARTING_RETRIES = 200

/**
 * Obtains a broker: the one that `KAFKA_BROKERS` names; else one in a container; else one on this machine's Java.
 * `KAFKA_ENVELOPE_BROKER=docker` or `jvm` forces one of the last two, whatever `KAFKA_BROKERS` is. A broker that it
 * starts ends at `stop()`, or when this process ends.
 */
export async function obtainBroker(
  env: NodeJS.ProcessEnv = process.env,
  ways: Readonly<Record<string, Way>> = WAYS,
  answers = checkAnswers,
): Promise<Broker> {
  const forced = env['KAFKA_ENVELOPE_BROKER']
  // An address that does not answer is an error, because a cluster that was named must be the one used.
  if (!forced && env['KAFKA_BROKERS']) return userBroker(env['KAFKA_BROKERS'], answers)
  const tried = Object.entries(ways).filter(([name]) => !forced || name === forced)
  if (tried.length === 0)
    throw new Error(`KAFKA_ENVELOPE_BROKER is ${Object.keys(ways).join(' or ')}, not "${forced ?? ''}"`)
  const reasons: string[] = []
  for (const [name, { remedy, start }] of tried) {
    try {
      return await answering(await start(), answers)
    } catch (error) {
      if (!(error instanceof Unavailable)) console.error(`broker: none from ${name}: ${messageOf(error)}`)
      reasons.push(`  - ${name}: ${messageOf(error)}\n    Remedy: ${remedy}.`)
    }
  }
  if (!forced) reasons.push('  - Or set KAFKA_BROKERS to the host:port of a running broker.')
  throw new Error(`There is no Kafka broker.\n${reasons.join('\n')}`)
}

async function answering(broker: Broker, answers: typeof checkAnswers): Promise<Broker> {
  try {
    const ended = broker.ended?.then((text) => Promise.reject(new Error(text)))
    await Promise.race([answers(broker.brokers, STARTING_RETRIES), ...(ended ? [ended] : [])])
    return broker
  } catch (error) {
    await broker.stop()
    throw new Error(`it did not start: ${messageOf(error)}`, { cause: error })
  }
}

async function userBroker(value: string, answers: typeof checkAnswers): Promise<Broker> {
  const brokers = value.split(',').map((address) => address.trim())
  const wrong = brokers.find((address) => !/^[^\s:/]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(address))
  if (wrong !== undefined)
    throw new Error(`KAFKA_BROKERS: "${wrong}" is not host:port (separate several by commas)`)
  await answers(brokers).catch((error: unknown) => {
    throw new Error(
      `No Kafka broker answers at KAFKA_BROKERS=${value}: ${messageOf(error)}. Start it, or correct the address ` +
        '(of a listener without TLS and login), or unset KAFKA_BROKERS to have a broker started for you.',
      { cause: error },
    )
  })
  return { brokers, origin: `KAFKA_BROKERS=${value}`, stop: () => Promise.resolve() }
}
