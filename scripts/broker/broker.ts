/** A broker to run against, wherever it comes from. */
export interface Broker {
  /** Bootstrap addresses, `host:port`. */
  readonly brokers: string[]
  /** Where it comes from, for a person to read. */
  readonly origin: string
  /** Ends the broker and removes what it left behind, if it is ours; may be called more than once. */
  stop(): Promise<void>
}

/** Takes one line for a person to read. */
export type Say = (line: string) => void

/** One way to come by a broker. */
export interface Source {
  readonly name: string
  /** What a person installs or sets to have this source. */
  readonly remedy: string
  /**
   * Rejects with `Unavailable` where this machine does not have the source, with another error where it
   * has the source and it failed, and with the signal's reason, after cleaning up, once that is aborted.
   */
  obtain(say: Say, signal: AbortSignal): Promise<Broker>
}

/** The machine does not have what a source needs. Nothing went wrong: look further. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

/** Kafka's version, of the image and of the jars (`pom.xml` says it once more). */
export const KAFKA_VERSION = '4.3.0'

/** Settings of every broker of ours that are about being one small node; ports and folders come on top. */
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
  // A test that forgets to create its topic shall fail, here as on a well-kept cluster.
  'auto.create.topics.enable': 'false',
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
