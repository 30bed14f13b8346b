import { Kafka, logLevel } from 'kafkajs'

/** A running broker. */
export interface Broker {
  /** Bootstrap addresses, `host:port`. */
  readonly brokers: readonly string[]
  /** Its origin, for people. */
  readonly origin: string
  /** Where a broker on this machine's Java keeps its log segments. */
  readonly dataFolder?: string
  /** Resolves when a broker that we started has ended, with its last output. */
  readonly ended?: Promise<string>
  /** Ends a broker that we started, and removes its data. */
  stop(): Promise<void>
}

/** A way to start a broker is not available on this machine. That is not an error: the next way is tried. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

/** Kafka's version, of the image and of the jars (`pom.xml` repeats it). */
export const KAFKA_VERSION = '4.3.0'

/** The settings that make a broker one small node. Ports and folders are added when it starts. */
export const SINGLE_NODE: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'PLAINTEXT',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'offsets.topic.replication.factor': '1',
  // One partition each instead of 50: a consumer group's and a transaction's first use create these topics.
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // A test that forgets to create its topic must fail, as it would on a well-kept cluster.
  'auto.create.topics.enable': 'false',
}

/**
 * Resolves once a broker answers at one of the addresses, and also at the address that it advertises: clients continue
 * with that one, and a wrong one is the usual reason why a broker "does not work".
 */
export async function checkAnswers(brokers: readonly string[], retries = brokers.length): Promise<void> {
  const advertised = await describe(brokers, retries)
  await describe(advertised, retries).catch((error: unknown) => {
    throw new Error(
      `it answers, but advertises ${advertised.join(', ')}, where nothing answers (${messageOf(error)}); ` +
        'correct its advertised.listeners',
    )
  })
}

async function describe(brokers: readonly string[], retries: number): Promise<string[]> {
  const admin = new Kafka({
    clientId: 'kafka-envelope-check',
    brokers: [...brokers],
    connectionTimeout: 3000,
    requestTimeout: 5000,
    // KafkaJS uses the next address at each retry.
    retry: { retries, initialRetryTime: 100, maxRetryTime: 300 },
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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
