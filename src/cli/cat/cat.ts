import { InvalidArgumentError, Option, type Command } from 'commander'
import { onAbort } from '../../cancellation.js'
import {
  readOpened,
  readRecords,
  type OffsetRange,
  type Place,
  type ReadRecordsOptions,
} from '../../operate/index.js'
import type { Encryption } from '../../index.js'
import { describeValue } from '../../operate/inspect/describe-value.js'
import { rememberedSha256 } from '../../operate/sha256.js'
import { loadEncryption } from '../encryption-setup.js'
import { interruptible } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { startOf } from '../start-of.js'
import { Complaints } from './complaints.js'
import { keyOf } from './key-of.js'
import { LineOutput } from './line-output.js'
import { openedAsJson, sealedAsJson } from './record-as-json.js'
import { sealedLine, valueLine } from './record-as-text.js'

interface Options extends KafkaOptions {
  readonly config?: string
  readonly partition?: readonly number[]
  readonly from?: Place
  readonly to?: Place
  readonly key?: Buffer
  readonly limit?: number
  readonly sealed?: true
  readonly json?: true
}

/** Records did not open, or were not read. */
const NOT_ALL = 2

/** `kafka-envelope cat TOPIC`: prints the values of a topic. */
export function registerCat(program: Command): void {
  withKafkaOptions(
    program
      .command('cat')
      .description('open the records of a topic and print their values, one a line; changes nothing')
      .argument('<topic>'),
  )
    .option('--config <file>', 'opens records under the rule of the topic')
    .addOption(
      new Option('--partition <list>', 'read these partitions only, such as 0,2').argParser(partitions),
    )
    .addOption(
      new Option(
        '--from <start>',
        'an offset in each partition, or a time such as 2026-11-01T00:00Z (default: the oldest record)',
      ).argParser(startOf),
    )
    .addOption(
      new Option(
        '--to <end>',
        'the offset or time of the first record that is left out (default: the end that the topic has now)',
      ).argParser(startOf),
    )
    .addOption(
      new Option('--key <key>', 'only records with this key: text, or bytes such as hex:00ff').argParser(
        keyOf,
      ),
    )
    .addOption(new Option('--limit <n>', 'end after so many records').argParser(count))
    .option('--json', 'print one JSON object a line, with key, headers, offset, timestamp and envelope')
    .option('--sealed', 'say what the records are without opening them; needs no --config and no key')
    .action((topic: string, options: Options) => interruptible((signal) => cat(topic, options, signal)))
}

async function cat(topic: string, options: Options, signal: AbortSignal): Promise<void> {
  const { config, sealed, json = false, partition, from, to, key, limit } = options
  if (config === undefined && sealed === undefined) throw new Error('error: give --config, or --sealed')
  const isNamed = options.brokers !== undefined || options.kafka !== undefined
  const isNeeded = sealed === undefined || !isNamed
  const setup = config === undefined || !isNeeded ? undefined : await loadEncryption(config)
  const encryption = setup?.encryption
  // Ends calls to a KMS.
  const removeListener = onAbort(signal, () => void encryption?.close())
  const complaints = new Complaints()
  try {
    const reading: ReadRecordsOptions = {
      kafka: (isNamed ? undefined : setup?.kafka) ?? (await connectKafka(options)),
      topic,
      ...(partition && { partitions: partition }),
      ...(from && { from }),
      ...(to && { to }),
      ...(key && { key }),
      ...(limit !== undefined && { limit }),
      onUnread: (range: OffsetRange) => {
        complaints.unread(range)
      },
      signal,
    }
    const print = { output: new LineOutput(), json, complaints }
    if (sealed !== undefined || encryption === undefined) await printSealed(reading, print)
    else await printOpened(reading, encryption, print)
    complaints.end()
    // The output may have failed.
    if (complaints.isAny) process.exitCode ??= NOT_ALL
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    removeListener()
    await encryption?.close()
  }
}

interface Print {
  readonly output: LineOutput
  readonly json: boolean
  readonly complaints: Complaints
}

async function printOpened(
  reading: ReadRecordsOptions,
  encryption: Encryption,
  { output, json, complaints }: Print,
): Promise<void> {
  const records = readOpened({
    ...reading,
    encryption,
    onWaiting: (waiting) => {
      complaints.waits(waiting)
    },
  })
  for await (const record of records) {
    complaints.comes(record, json)
    if (json) await output.write(openedAsJson(record))
    else if (record.failure === undefined) await output.write(valueLine(record.value))
    if (output.isClosed) return
  }
}

async function printSealed(reading: ReadRecordsOptions, { output, json }: Print): Promise<void> {
  const hash = rememberedSha256()
  for await (const record of readRecords(reading)) {
    const value = await describeValue(record.value, hash)
    await output.write(json ? sealedAsJson(record, value) : sealedLine(record, value))
    if (output.isClosed) return
  }
}

function partitions(text: string): readonly number[] {
  if (!/^\d{1,9}(?:,\d{1,9})*$/.test(text)) {
    throw new InvalidArgumentError('Expected numbers with commas between.')
  }
  return text.split(',').map(Number)
}

function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.')
  return Number(text)
}
