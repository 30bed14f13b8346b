import { InvalidArgumentError, Option, type Command } from 'commander'
import { systemClock } from '../../clock.js'
import type { CheckedOverride } from '../../config/checked.js'
import { editConfigFile } from '../../config-file/edit/edit-config-file.js'
import { readConfigFile } from '../../config-file/read-file.js'
import type { RecordPlace } from '../../operate/index.js'
import { parseDuration } from '../../units.js'
import { interruptible } from '../interrupt.js'
import { withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { placeOf } from '../record-place.js'
import { safeJson } from '../safe-json.js'
import { explainAllowed, explainList, explainRemoved, nameOf } from './explain-overrides.js'
import { examine } from './examine.js'

interface Options extends KafkaOptions {
  readonly config?: string
  readonly code?: string
  readonly until?: string
  readonly by?: string
  readonly why?: string
  readonly skip?: true
  readonly deadLetter?: string
  readonly json?: true
}

/** The record is accepted, or fails in another way: nothing was changed. */
const REFUSED = 2

/** `kafka-envelope allow RECORD`, with `list` and `remove`: overrides for single records in a configuration file. */
export function registerAllow(program: Command): void {
  const command = withKafkaOptions(
    program
      .command('allow')
      .description(
        'let one record pass that does not open, by an override in the configuration file; with --brokers or --kafka, the record is examined first',
      )
      .argument('<record>', 'TOPIC:PARTITION:OFFSET', recordOf),
  )
    .option('--config <file>', 'the configuration file, in YAML or JSON, which is changed')
    .option('--code <code>', 'the code with which the record fails, as in the event record.rejected')
    .addOption(
      new Option(
        '--until <time>',
        'when it ends: 2026-12-31T18:00:00Z, or from now on, such as 7d',
      ).argParser(timeOf),
    )
    .option('--by <who>', 'who answers for it')
    .option('--why <text>', 'why the record may pass')
    .addOption(new Option('--skip', 'consumers pass over the record').conflicts('deadLetter'))
    .option('--dead-letter <topic>', 'consumers send the record to this topic')
    .action((place: RecordPlace, options: Options) =>
      interruptible(
        (signal, beginChange) => allow(place, options, signal, beginChange),
        () => 'interrupted; nothing was changed',
      ),
    )

  command
    .command('list')
    .description('list the overrides of a configuration file')
    .option('--config <file>', 'the configuration file')
    .option('--json', 'print one JSON object instead of text')
    .action((_: Options, own: Command) => list(own.optsWithGlobals<Options>()))

  command
    .command('remove')
    .description('remove the override of a record from a configuration file')
    .argument('<record>', 'TOPIC:PARTITION:OFFSET', recordOf)
    .option('--config <file>', 'the configuration file, which is changed')
    .action((place: RecordPlace, _: Options, own: Command) => remove(place, own.optsWithGlobals<Options>()))
}

async function allow(
  place: RecordPlace,
  options: Options,
  signal: AbortSignal,
  beginChange: () => void,
): Promise<void> {
  const file = configOf(options)
  const { code, until, by, why, skip, deadLetter } = options
  if (code === undefined || until === undefined || by === undefined || why === undefined)
    throw new Error('error: give --code, --until, --by and --why')
  if (skip === undefined && deadLetter === undefined)
    throw new Error('error: give --skip, or --dead-letter and a topic')
  await refuseSecond(file, place)
  const isExamined = options.brokers !== undefined || options.kafka !== undefined
  const examined = isExamined ? await examine(place, code, { ...options, config: file }, signal) : undefined
  if (examined?.refusal !== undefined) {
    process.exitCode = REFUSED
    process.stderr.write(`${nameOf(place)}: ${examined.refusal}; nothing was changed\n`)
    return
  }
  beginChange()
  const override = {
    ...{ topic: place.topic, partition: place.partition, offset: String(place.offset) },
    ...(examined?.valueSha256 !== undefined && { valueSha256: examined.valueSha256 }),
    ...{ code, action: deadLetter === undefined ? 'skip' : { deadLetter }, until, by, why },
  }
  await editConfigFile(file, () => [{ path: ['overrides'], append: override }])
  const { policy } = await readConfigFile(file, process.env, { inCode: [] })
  const written = policy.overrides.find((each) => isFor(each, place))
  if (written !== undefined) process.stdout.write(explainAllowed(file, written, isExamined))
}

async function list(options: Options): Promise<void> {
  const file = configOf(options)
  const { policy } = await readConfigFile(file, process.env, { inCode: [] })
  const nowMs = systemClock.wallMs()
  if (options.json !== true) {
    process.stdout.write(explainList(file, policy.overrides, nowMs))
    return
  }
  const overrides = policy.overrides.map(({ untilMs, ...entry }) => ({
    ...entry,
    state: nowMs < untilMs ? 'active' : 'expired',
  }))
  process.stdout.write(safeJson({ file, overrides }))
}

async function remove(place: RecordPlace, options: Options): Promise<void> {
  const file = configOf(options)
  await editConfigFile(file, ({ policy }) => {
    const at = policy.overrides.findIndex((each) => isFor(each, place))
    if (at < 0) throw new Error(`${file} has no override for ${nameOf(place)}`)
    return [{ path: ['overrides', at], remove: true }]
  })
  process.stdout.write(explainRemoved(file, place))
}

/** Before the record is examined, which may take a while. The check of the file would find it too. */
async function refuseSecond(file: string, place: RecordPlace): Promise<void> {
  const { policy } = await readConfigFile(file, process.env, { inCode: [] })
  if (!policy.overrides.some((each) => isFor(each, place))) return
  const how = `npx kafka-envelope allow remove ${nameOf(place)} --config ${file}`
  throw new Error(
    `${file} has an override for ${nameOf(place)} already; to replace it, remove it first: ${how}`,
  )
}

function isFor({ topic, partition, offset }: CheckedOverride, place: RecordPlace): boolean {
  return topic === place.topic && partition === place.partition && BigInt(offset) === place.offset
}

function configOf({ config }: Options): string {
  if (config === undefined) throw new Error('error: give --config and the configuration file')
  return config
}

function recordOf(text: string): RecordPlace {
  const place = placeOf(text)
  if (place === undefined) throw new InvalidArgumentError('Expected TOPIC:PARTITION:OFFSET.')
  return place
}

/** In the form of the configuration. */
function timeOf(text: string): string {
  const now = systemClock.wallMs()
  const ms = parseDuration(text)
  const until = ms === undefined ? text : new Date(now + ms).toISOString().replace(/\.\d+Z$/, 'Z')
  if (Date.parse(until) <= now) throw new InvalidArgumentError('Expected a time in the future.')
  return until
}
