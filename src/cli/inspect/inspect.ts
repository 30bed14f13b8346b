import { InvalidArgumentError, Option, type Command } from 'commander'
import { onAbort } from '../../cancellation.js'
import {
  fetchRecord,
  inspectRecord,
  type InspectedRecord,
  type Inspection,
  type RecordPlace,
} from '../../operate/index.js'
import { loadEncryption, type EncryptionSetup } from '../encryption-setup.js'
import { interruptible } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { placeOf } from '../record-place.js'
import { explainInspection } from './explain-inspection.js'
import { ENCODINGS, readValue, type Encoding } from './given-value.js'
import { inspectionAsJson } from './inspection-as-json.js'

interface Options extends KafkaOptions {
  readonly encoding?: Encoding
  readonly topic?: string
  readonly key?: string
  readonly header: readonly GivenHeader[]
  readonly config?: string
  readonly open?: true
  readonly raw?: true
  readonly json?: true
}

type GivenHeader = readonly [name: string, value: string | null]

/** The configuration would refuse the record. */
const REFUSED = 2
/** What goes with a value; a record from a topic has its own. */
const OF_A_VALUE = ['encoding', 'topic', 'key'] as const

/** `kafka-envelope inspect RECORD`: what one record is, and whether a configuration would accept it. */
export function registerInspect(program: Command): void {
  withKafkaOptions(
    program
      .command('inspect')
      .description('show what one record is, and whether a configuration accepts it; changes nothing')
      .argument(
        '<record>',
        'TOPIC:PARTITION:OFFSET, a file with the value of a record, or - for standard input',
      ),
  )
    .option('--config <file>', 'check the record under this configuration; exit code 2 if it is refused')
    .option('--open', 'open the record with the keys of the configuration, and print its value')
    .addOption(
      new Option('--raw', 'with --open: write the bytes of the value, and nothing else').conflicts('json'),
    )
    .addOption(
      new Option(
        '--encoding <encoding>',
        'how the value is written (default: recognised if it can be one alone)',
      ).choices(ENCODINGS),
    )
    .option('--topic <name>', 'the topic of the value (default: the one that it was sealed for)')
    .option('--key <text>', 'the key of the record, if it is bound')
    .addOption(
      new Option(
        '--header <name=value>',
        'a header of the record, if it is bound; without =value, its value is null; may be given several times',
      )
        .default([], 'none')
        .argParser(header),
    )
    .option('--json', 'print one JSON object instead of text')
    .action((source: string, options: Options) => interruptible((signal) => inspect(source, options, signal)))
}

async function inspect(source: string, options: Options, signal: AbortSignal): Promise<void> {
  const { config, open = false, raw = false } = options
  if (open && config === undefined) throw new Error('error: --open needs --config')
  if (raw && !open) throw new Error('error: --raw needs --open')
  const place = placeOf(source)
  const mixed = OF_A_VALUE.find((name) => options[name] !== undefined)
  if (place !== undefined && (mixed !== undefined || options.header.length > 0)) {
    throw new Error(`error: --${mixed ?? 'header'} is for a value from a file or standard input`)
  }
  const setup = config === undefined ? undefined : await loadEncryption(config)
  const encryption = setup?.encryption
  // Ends calls to a KMS.
  const removeListener = onAbort(signal, () => void encryption?.close())
  try {
    const record =
      place === undefined ? await givenRecord(source, options) : await recordAt(place, options, setup, signal)
    const inspection = await inspectRecord(record, { ...(encryption && { encryption }), open })
    const outcome = inspection.trial?.outcome
    if (outcome === 'refused') process.exitCode = REFUSED
    if (outcome === 'unavailable') process.exitCode = 1
    print(source, inspection, options)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    removeListener()
    await encryption?.close()
  }
}

function print(source: string, inspection: Inspection, { raw, json }: Options): void {
  const { opened } = inspection
  if (json === true) process.stdout.write(inspectionAsJson(inspection))
  else if (raw === true && opened !== undefined) process.stdout.write(opened ?? '')
  else {
    const name = source === '-' ? 'standard input' : source
    const text = explainInspection(name, inspection, placeOf(source) === undefined)
    // With --raw, standard output has the bytes of the value or nothing.
    const output = raw === true ? process.stderr : process.stdout
    output.write(text)
  }
}

async function givenRecord(source: string, options: Options): Promise<InspectedRecord> {
  const { encoding, topic, key, header: headers } = options
  const value = await readValue(source, encoding)
  return { value, headers, ...(topic !== undefined && { topic }), ...(key !== undefined && { key }) }
}

async function recordAt(
  place: RecordPlace,
  options: Options,
  setup: EncryptionSetup | undefined,
  signal: AbortSignal,
): Promise<InspectedRecord> {
  const isNamed = options.brokers !== undefined || options.kafka !== undefined
  const kafka = (isNamed ? undefined : setup?.kafka) ?? (await connectKafka(options))
  return fetchRecord({ kafka, place, signal })
}

function header(text: string, before: readonly GivenHeader[]): readonly GivenHeader[] {
  const at = text.indexOf('=')
  if (at === 0 || text === '')
    throw new InvalidArgumentError('Expected NAME=VALUE, or NAME for a null value.')
  return [...before, at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]]
}
