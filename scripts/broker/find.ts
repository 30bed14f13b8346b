import { checkAnswers, userBroker } from './address.js'
import { messageOf, Unavailable, type Broker, type Say, type Source } from './broker.js'
import { hosted } from './hosted.js'

export type { Broker } from './broker.js'

const DOCKER: Source = {
  name: 'docker',
  remedy: 'install Docker and start its engine (a Docker-compatible engine will do)',
  obtain: (say, signal) => hosted('docker', say, signal),
}
const JVM: Source = {
  name: 'jvm',
  remedy: 'install Java 17 or later, and Maven, which fetches Kafka the first time (Linux, macOS)',
  obtain: (say, signal) => hosted('jvm', say, signal),
}
const ADDRESS_REMEDY = 'set KAFKA_BROKERS to the host:port of a broker that runs already'

/** What to look with; everything has a default. */
export interface Search {
  env?: NodeJS.ProcessEnv
  sources?: readonly Source[]
  check?: (brokers: string[]) => Promise<void>
  /** Takes the lines about downloads and failures; standard error by default. */
  say?: Say
  /** Ends the search, and what it started, when aborted. */
  signal?: AbortSignal
}

/**
 * Obtains a broker: the one that `KAFKA_BROKERS` names; else one in a container; else one on this machine's
 * Java. `KAFKA_ENVELOPE_BROKER=docker` or `jvm` says which of the last two it has to be, whatever
 * `KAFKA_BROKERS` is. A broker of ours ends at `stop()`, and with this process however that ends.
 */
export async function obtainBroker(search: Search = {}): Promise<Broker> {
  const { env = process.env, check = checkAnswers, say = toStandardError } = search
  const signal = search.signal ?? new AbortController().signal
  const all = search.sources ?? [DOCKER, JVM]
  const forced = env['KAFKA_ENVELOPE_BROKER']
  const sources = forced ? all.filter(({ name }) => name === forced) : all
  if (sources.length === 0) {
    const names = all.map(({ name }) => name).join(' or ')
    throw new Error(`KAFKA_ENVELOPE_BROKER is ${names}, not "${forced ?? ''}"`)
  }
  // An address that does not answer is an error: who names a cluster means that one.
  if (!forced && env['KAFKA_BROKERS']) return userBroker(env['KAFKA_BROKERS'], check)

  const reasons: string[] = []
  for (const source of sources) {
    try {
      return await answering(await source.obtain(say, signal), check)
    } catch (error) {
      if (signal.aborted) throw error
      const reason = messageOf(error)
      reasons.push(
        `  - ${source.name}: ${reason.replaceAll('\n', '\n    ')}\n    To have it: ${source.remedy}.`,
      )
      // On one line: the whole of it comes only if no other source has a broker either.
      if (!(error instanceof Unavailable))
        say(`no broker from ${source.name}: ${reason.replace(/\s*\n\s*/g, ' | ')}`)
    }
  }
  if (!forced) reasons.push(`  - Or ${ADDRESS_REMEDY}.`)
  throw new Error(`No Kafka broker to be had.\n${reasons.join('\n')}`)
}

async function answering(broker: Broker, check: (brokers: string[]) => Promise<void>): Promise<Broker> {
  try {
    await check(broker.brokers)
    return broker
  } catch (error) {
    await broker.stop()
    throw new Error(`it started but does not answer: ${messageOf(error)}`, { cause: error })
  }
}

function toStandardError(line: string): void {
  process.stderr.write(`broker: ${line}\n`)
}
