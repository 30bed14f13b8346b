/** What the program of the recipe imports: the library with the schedule's configuration, and a KafkaJS that breaks. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Kafka as KafkaJs,
  type Consumer,
  type ConsumerConfig,
  type Producer,
  type ProducerConfig,
  type Transaction,
} from 'kafkajs'
import type { Encryption } from '../../../src/index.js'
import { SHORTEST_SESSION_MS } from '../rules.js'
import { encryptionOf, kafkaConfigOf, setup as given, tell, tellTimeouts } from './process.js'
import type { Breaks, RecipeSetup } from './setup.js'

export { encryptKafka } from '../../../src/clients/kafkajs/index.js'

const setup = given() as RecipeSetup
/** What to do at the next commit. */
let breaks: Breaks | undefined
process.on('message', (asked: unknown) => {
  if (isBreaks(asked)) breaks = asked
})

let encryption: Encryption | undefined
let consumer: Consumer | undefined

/** The program's own configuration is for one KMS on its machine. */
export async function createEncryption(): Promise<Encryption> {
  encryption = await encryptionOf(setup)
  return encryption
}

export function localKms(): undefined {
  return undefined
}

export class Kafka extends KafkaJs {
  constructor() {
    super(kafkaConfigOf(setup))
  }

  override consumer(config: ConsumerConfig): Consumer {
    consumer = super.consumer({
      ...config,
      sessionTimeout: SHORTEST_SESSION_MS,
      heartbeatInterval: 500,
      // Few records in a transaction, so that there are many transactions.
      maxBytesPerPartition: 4096,
      maxWaitTimeInMs: 100,
    })
    tellTimeouts(consumer)
    return consumer
  }

  override producer(config: ProducerConfig): Producer {
    const producer = super.producer(config)
    return {
      ...producer,
      transaction: async () => breaking(await producer.transaction()),
    }
  }
}

function breaking(transaction: Transaction): Transaction {
  return {
    ...transaction,
    commit: async () => {
      const now = breaks
      breaks = undefined
      if (now === 'crash before commit') return crash()
      if (now === 'abort') {
        await transaction.abort()
        tell('aborted')
        throw new Error('aborted')
      }
      await sleep(setup.commitDelayMs)
      await transaction.commit()
      if (now === 'crash after commit') return crash()
      tell('committed')
    },
  }
}

function crash(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  // The signal comes at once; nothing of the program must run until then.
  return new Promise(() => undefined)
}

function isBreaks(asked: unknown): asked is Breaks {
  return asked === 'abort' || asked === 'crash before commit' || asked === 'crash after commit'
}

/** Ends as the program would at SIGTERM. */
export async function stop(): Promise<void> {
  await consumer?.disconnect()
  await encryption?.close()
  process.exit()
}
