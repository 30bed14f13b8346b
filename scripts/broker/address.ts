import { Kafka, logLevel } from 'kafkajs'
import { messageOf, type Broker } from './broker.js'

/** The addresses in a value of `KAFKA_BROKERS`; throws where it is not a list of `host:port`. */
export function parseAddresses(value: string): string[] {
  const addresses = value.split(',').map((address) => address.trim())
  for (const address of addresses) {
    if (!/^[^\s:/]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(address)) {
      throw new Error(`KAFKA_BROKERS: "${address}" is not host:port (several are separated by commas)`)
    }
  }
  return addresses
}

/**
 * Resolves once a broker answers at one of the addresses, and again at the address that it gives of itself:
 * a client goes on with that one, and it being wrong is the usual reason why a broker "does not work".
 */
export async function checkAnswers(brokers: string[]): Promise<void> {
  const advertised = await describe(brokers)
  await describe(advertised).catch((error: unknown) => {
    throw new Error(
      `it answers, but calls itself ${advertised.join(', ')}, where nothing answers (${messageOf(error)}); ` +
        'correct its advertised.listeners',
    )
  })
}

async function describe(brokers: string[]): Promise<string[]> {
  const admin = new Kafka({
    clientId: 'kafka-envelope-check',
    brokers,
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    // An attempt for each address: KafkaJS takes the next one at each retry.
    retry: { retries: brokers.length, initialRetryTime: 100, maxRetryTime: 200 },
    logLevel: logLevel.NOTHING,
  }).admin()
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    return cluster.brokers.map(
      ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    )
  } finally {
    await admin.disconnect()
  }
}

/** The broker that the user names; not ours, so never stopped. */
export async function userBroker(value: string, check: typeof checkAnswers = checkAnswers): Promise<Broker> {
  const brokers = parseAddresses(value)
  try {
    await check(brokers)
  } catch (error) {
    throw new Error(
      `No Kafka broker to be used at KAFKA_BROKERS=${value}: ${messageOf(error)}. ` +
        'Start it or correct the address (a listener without TLS and without login), or unset ' +
        'KAFKA_BROKERS to have a broker started for you.',
      { cause: error },
    )
  }
  return { brokers, origin: `KAFKA_BROKERS=${value}`, stop: () => Promise.resolve() }
}
