import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { KafkaConfig } from 'kafkajs'
import * as v from 'valibot'
import { asRecord } from '../../config/untyped.js'
import type { ConfigIssue } from '../../errors.js'
import { shape } from '../../config/check.js'
import { readDocument } from '../../config-file/read-document.js'
import type { Environment } from '../../config-file/substitute.js'

const BROKER = /^[^\s,:/]+:[0-9]{1,5}$|^\[[0-9a-fA-F:.]+\]:[0-9]{1,5}$/
export const broker = v.pipe(v.string('expected host:port'), v.regex(BROKER, 'expected host:port'))

const text = v.pipe(v.string('expected text'), v.nonEmpty('expected text'))
const milliseconds = v.optional(
  v.pipe(
    v.number('expected a number of milliseconds'),
    v.integer('expected whole milliseconds'),
    v.minValue(1, 'expected at least 1'),
    v.maxValue(600_000, 'expected at most 600000'),
  ),
)

const TLS = 'expected true, or an object of ca, caFile, cert, certFile, key, keyFile, passphrase, servername'
const tls = v.strictObject(
  {
    ca: v.optional(text),
    caFile: v.optional(text),
    cert: v.optional(text),
    certFile: v.optional(text),
    key: v.optional(text),
    keyFile: v.optional(text),
    passphrase: v.optional(text),
    servername: v.optional(text),
  },
  TLS,
)

const sasl = v.strictObject(
  {
    mechanism: v.picklist(
      ['plain', 'scram-sha-256', 'scram-sha-512'],
      'expected plain, scram-sha-256 or scram-sha-512; others need a module in JavaScript',
    ),
    username: text,
    password: text,
  },
  'expected an object of mechanism, username, password',
)

const schema = v.strictObject(
  {
    brokers: v.pipe(
      v.array(broker, 'expected a list of host:port'),
      v.minLength(1, 'expected a list of host:port'),
    ),
    clientId: v.optional(text),
    ssl: v.optional(v.union([v.literal(true), tls], TLS)),
    sasl: v.optional(sasl),
    connectionTimeout: milliseconds,
    authenticationTimeout: milliseconds,
    requestTimeout: milliseconds,
  },
  'expected an object of brokers, clientId, ssl, sasl, connectionTimeout, authenticationTimeout, requestTimeout',
)

/**
 * Reads how to reach Kafka from a file, in the words of the options of KafkaJS: YAML or JSON, with environment variables.
 * Files of certificates and keys are relative to its folder.
 * @throws EnvelopeError CONFIG_INVALID with all mistakes; an error of a file that cannot be read
 */
export async function readKafkaFile(file: string, environment: Environment): Promise<KafkaConfig> {
  const document = await readDocument(file, environment)
  const { issues, output } = shape(schema, document.value, document.show)
  document.refuse([...issues, ...contradictions(document.value)])
  // `refuse` has thrown if there is none.
  const { ssl, ...rest } = output as v.InferOutput<typeof schema>
  if (typeof ssl !== 'object') return { ...rest, ...(ssl && { ssl }) } as KafkaConfig
  const { ca, caFile, cert, certFile, key, keyFile, ...others } = ssl
  const read = async (given: string | undefined, path: string | undefined): Promise<string | undefined> =>
    path === undefined ? given : readFile(resolve(dirname(file), path), 'utf8')
  const trusted = await read(ca, caFile)
  const own = { cert: await read(cert, certFile), key: await read(key, keyFile) }
  return { ...rest, ssl: { ...others, ...own, ...(trusted && { ca: [trusted] }) } } as KafkaConfig
}

/** What is given both as a text and as a file. */
function contradictions(value: unknown): ConfigIssue[] {
  const { ssl } = asRecord(value)
  return ['ca', 'cert', 'key']
    .filter((name) => [name, `${name}File`].every((member) => asRecord(ssl)[member] !== undefined))
    .map((name) => ({ path: `ssl.${name}`, message: `cannot be combined with ssl.${name}File` }))
}
