import { fileURLToPath } from 'node:url'
import {
  loadConfluent,
  loadNodeRdkafka,
  whyNoConfluent,
  whyNoNodeRdkafka,
  type Rdkafka,
} from '../../support/confluent.js'

/** A client with the API of node-rdkafka. */
export interface RdkafkaClient {
  /** The name of suites that run on it. If they are skipped, it says why. */
  readonly suite: string
  /** Why it cannot be used here; undefined if it can. */
  readonly whyNot: string | undefined
  /** What programs import. */
  readonly main: string
  load(): Rdkafka
  /** Whether header values may be any bytes. */
  readonly keepsHeaderBytes: boolean
}

const installed = fileURLToPath(new URL('../../support/confluent/node_modules', import.meta.url))

export const CLIENTS: readonly RdkafkaClient[] = [
  {
    suite: suite("the raw API of Confluent's client", whyNoConfluent),
    whyNot: whyNoConfluent,
    main: `${installed}/@confluentinc/kafka-javascript/lib/index.js`,
    load: loadConfluent,
    keepsHeaderBytes: true,
  },
  {
    suite: suite('node-rdkafka', whyNoNodeRdkafka),
    whyNot: whyNoNodeRdkafka,
    main: `${installed}/node-rdkafka/lib/index.js`,
    load: loadNodeRdkafka,
    keepsHeaderBytes: false,
  },
]

function suite(name: string, whyNot: string | undefined): string {
  return `on ${name}${whyNot === undefined ? '' : `, ${whyNot}`}`
}
