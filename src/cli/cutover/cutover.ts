import { extname } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { systemClock } from '../../clock.js'
import type { ConfigFile } from '../../config-file/config-file.js'
import { readConfigFile } from '../../config-file/read-file.js'
import {
  arriving,
  cutoverStatus,
  topicEnds,
  type CutoverReport,
  type Start,
  type TopicCutover,
} from '../../operate/index.js'
import type { EncryptionConfig } from '../../index.js'
import { parseDuration } from '../../units.js'
import { forTerminal } from '../for-terminal.js'
import { interruptible } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { printableText } from '../printable.js'
import { ProgressBar } from '../progress-bar.js'
import { safeJson } from '../safe-json.js'
import { startOf } from '../start-of.js'
import { explainCutover } from './explain-cutover.js'
import { explainWritten } from './explain-written.js'
import { writeAll, writeEnds, type Written } from './write-offsets.js'

interface Options extends KafkaOptions {
  readonly config?: string
  readonly since: Start
  readonly header?: readonly string[]
  readonly write?: true
  readonly acceptPlaintext?: true
  readonly json?: true
}

/** A phase is not over, or plaintext cannot be ended yet. */
const NOT_YES = 2

/** `kafka-envelope cutover TOPIC…`: how far a migration from plaintext is; with `--write`, ends plaintext. */
export function registerCutover(program: Command): void {
  withKafkaOptions(
    program
      .command('cutover')
      .description('say which phases of a migration from plaintext are over; with --write, end plaintext')
      .argument('<topic...>'),
  )
    .option('--config <file>', 'the configuration file of the consumers, YAML or JSON')
    .addOption(
      new Option(
        '--since <start>',
        'read records since: a duration such as 30m, a time, an offset, or "beginning"',
      )
        .default({ time: new Date(systemClock.wallMs() - 86_400_000) }, '24h')
        .argParser(sinceOf),
    )
    .option('--header <name...>', 'show the values of these headers of plaintext: they may be personal data')
    .addOption(
      new Option(
        '--write',
        'write the ends of the topics as `untilOffsets` into the file, unless plaintext still arrives',
      ).conflicts('acceptPlaintext'),
    )
    .option(
      '--accept-plaintext',
      'write that the rule accepts all plaintext: for the first phase, and for the way back',
    )
    .option('--json', 'print one JSON object instead of text')
    .action((topics: string[], options: Options) =>
      interruptible(
        (signal, beginChange) => run(topics, options, signal, beginChange),
        () => 'interrupted; nothing was written',
      ),
    )
}

async function run(
  topics: readonly string[],
  options: Options,
  signal: AbortSignal,
  beginChange: () => void,
): Promise<void> {
  const { config: file, write, acceptPlaintext } = options
  if (file === undefined && (write === true || acceptPlaintext === true)) {
    throw new Error('error: --write and --accept-plaintext need --config FILE')
  }
  // Mistakes of the file are told before topics are read, which may take hours.
  const rules = file === undefined ? undefined : await rulesOf(file)
  const kafka = await connectKafka(options)
  if (file !== undefined && acceptPlaintext === true) {
    const ends = await topicEnds(kafka, topics).finally(() => {
      // An error that comes after an interruption is not what the user has to know.
      signal.throwIfAborted()
    })
    beginChange()
    const written = await writeAll(file, ends)
    process.stdout.write(options.json === true ? safeJson({ written }) : explainWritten(file, written, 'all'))
    return
  }
  const bar = new ProgressBar('offsets')
  const report = await cutoverStatus({
    kafka,
    topics,
    since: options.since,
    headers: options.header ?? [],
    ...(rules && { rules }),
    onProgress: (done, total) => {
      bar.show(done, total)
    },
    signal,
  }).finally(() => {
    bar.end()
  })
  // An interruption may not have ended the reading.
  beginChange()
  if (file !== undefined && write === true) await end(file, report, options)
  else {
    process.stdout.write(options.json === true ? safeJson({ report }) : forTerminal(explainCutover(report)))
    if (!report.topics.every(({ phases }) => phases.every(({ isOver }) => isOver === true)))
      process.exitCode = NOT_YES
  }
}

/** Ends plaintext of all topics, or of none. The report is printed even if the file cannot be written. */
async function end(file: string, report: CutoverReport, { json }: Options): Promise<void> {
  const obstacles = report.topics.flatMap(obstaclesOf)
  let written: Written | null = null
  if (json !== true) process.stdout.write(forTerminal(`${explainCutover(report)}\n`))
  try {
    if (obstacles.length === 0) written = await writeEnds(file, report.topics)
  } finally {
    if (json === true) process.stdout.write(safeJson({ report, written, obstacles }))
  }
  if (written === null) process.exitCode = NOT_YES
  if (json === true) return
  process.stdout.write(
    written === null
      ? explainObstacles(file, obstacles, report.topics.some(hasArriving))
      : explainWritten(file, written, 'ends') + untold(report),
  )
}

function explainObstacles(file: string, obstacles: readonly string[], isArriving: boolean): string {
  return [
    `${printableText(file)} is not changed:`,
    ...obstacles.map((each) => `  ${printableText(each)}`),
    ...(isArriving
      ? [
          'Once nobody writes plaintext any more, give a later --since. Consumers would stop at what is still written.',
        ]
      : []),
    '',
  ].join('\n')
}

/** The absence of plaintext says nothing about a topic of which no record was read. */
function untold({ topics }: CutoverReport): string {
  const idle = topics.filter(({ partitions }) => partitions.every(({ from, end }) => from === end))
  if (idle.length === 0) return ''
  const names = idle.map(({ topic }) => printableText(topic)).join(', ')
  return `No record of ${names} was read, so nothing shows that its producers seal. An earlier --since reads more.\n`
}

function hasArriving({ rule, accepts, partitions }: TopicCutover): boolean {
  return rule !== null && accepts !== 'none' && partitions.some((each) => arriving(each) !== null)
}

/** Why plaintext cannot be ended yet. */
function obstaclesOf({ topic, rule, accepts, partitions }: TopicCutover): string[] {
  if (rule === null) return [`${topic}: no rule decrypts it`]
  // The offsets would let through what is refused now, be it forged.
  if (accepts === 'none')
    return [
      `${topic}: the rule accepts no plaintext, so there is none to end; to accept what is there, begin with --accept-plaintext`,
    ]
  return partitions.flatMap((each) => {
    const found = arriving(each)?.records ?? 0
    const where = `${topic}, partition ${String(each.partition)}`
    if (found > 0) return [`${where}: plaintext still arrives, last at offset ${arriving(each)?.last ?? ''}`]
    return each.isComplete ? [] : [`${where}: not all records could be read`]
  })
}

async function rulesOf(file: string): Promise<EncryptionConfig['topics']> {
  if (!['.yaml', '.yml', '.json'].includes(extname(file))) {
    throw new Error(
      `error: ${file} is no YAML or JSON; without --config, the offsets for your code are shown`,
    )
  }
  const { value } = await readConfigFile(file, process.env, { inCode: [] })
  return (value as ConfigFile).topics
}

function sinceOf(text: string): Start {
  if (text === 'beginning') return 'beginning'
  const ms = parseDuration(text)
  if (ms !== undefined && /[a-z]$/.test(text)) return { time: new Date(systemClock.wallMs() - ms) }
  try {
    return startOf(text)
  } catch {
    throw new InvalidArgumentError('Expected a duration, a time, an offset or "beginning".')
  }
}
