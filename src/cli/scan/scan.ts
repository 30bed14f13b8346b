import { Option, type Command } from 'commander'
import {
  mergeReports,
  readReport,
  scan,
  whoNeedsCmk,
  writeReport,
  type CmkNeed,
  type CmkNeedOptions,
  type ScanReport,
  type SharedBy,
  type Start,
} from '../../operate/index.js'
import { interruptible, KEEPING_MS } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { ProgressBar } from '../progress-bar.js'
import { safeJson } from '../safe-json.js'
import { startOf } from '../start-of.js'
import { explainNeed } from './explain-need.js'
import { explainReport } from './explain-report.js'

interface Options extends KafkaOptions {
  readonly from: Start
  readonly cmk?: string
  readonly report?: string
  readonly group?: string
  readonly json?: true
}

/** The answer is no, or the question cannot be answered. */
const NOT_YES = 2

/** `kafka-envelope scan TOPIC…`: what topics hold, without any key. */
export function registerScan(program: Command): void {
  const command = withKafkaOptions(
    program
      .command('scan')
      .description('count what topics hold: formats, CMKs, DEKs, plaintext; needs no key and changes nothing')
      .argument('<topic...>'),
  )
    .addOption(
      new Option('--from <start>', 'an offset in each partition, or a time such as 2026-11-01T00:00Z')
        .default('beginning', 'the oldest record')
        .argParser(startOf),
    )
    .option(
      '--cmk <id>',
      'answer whether records still need this CMK; exit code 2 if they do, or if it is unclear, as it is with --group: `scan merge` answers then',
    )
    .option(
      '--report <file>',
      'write the report here, every ten seconds; if the file exists, go on where it ended',
    )
    .option(
      '--group <name>',
      'share the scan: the same command on each machine, with this consumer group and a --report of its own',
    )
    .option('--json', 'print one JSON object instead of text')
    .action((topics: string[], options: Options) => runScan(topics, options))

  withKafkaOptions(
    command.command('merge').description('put reports of several scans together').argument('<file...>'),
  )
    .option('--cmk <id>', 'as for scan; asks the cluster for retention and consumer groups')
    .option('--json', 'print one JSON object instead of text')
    .action((files: string[], _: Options, command: Command) =>
      runMerge(files, command.optsWithGlobals<Options>()),
    )
}

function runScan(topics: readonly string[], options: Options): Promise<void> {
  const { from, cmk, report: file, group } = options
  if (group !== undefined && file === undefined)
    throw new Error('--group needs --report FILE, for `scan merge`')
  const hint = (): string =>
    file === undefined
      ? 'interrupted; with --report FILE, the next scan would go on here'
      : `interrupted; the same command goes on where ${file} ends`
  return interruptible(
    async (signal) => {
      const kafka = await connectKafka(options)
      const resume = file === undefined ? undefined : await earlier(file)
      const bar = new ProgressBar('offsets')
      const report = await scan({
        kafka,
        topics,
        start: from,
        watch: cmk === undefined ? [] : [cmk],
        ...(resume && { resume }),
        ...(group !== undefined && { group }),
        ...(file !== undefined && { onCheckpoint: (current) => writeReport(file, current) }),
        onProgress: (done, total) => {
          bar.show(done, total)
        },
        signal,
      }).finally(() => {
        bar.end()
      })
      // The ends of a shared scan were fixed when the group began, which may be long ago.
      await answer(report, options, () => Promise.resolve(kafka), { upToNow: group !== undefined })
    },
    hint,
    file === undefined ? undefined : KEEPING_MS,
  )
}

async function runMerge(files: readonly string[], options: Options): Promise<void> {
  const report = mergeReports(await Promise.all(files.map(readReport)), files)
  await answer(report, options, () => connectKafka(options), { upToNow: true })
}

/** Prints the report even if the question about the CMK fails: reading the topics may have taken hours. */
async function answer(
  report: ScanReport,
  options: Options,
  connect: () => ReturnType<typeof connectKafka>,
  asked?: CmkNeedOptions,
): Promise<void> {
  const { cmk } = options
  let need: CmkNeed | undefined
  try {
    if (cmk !== undefined && !isPart(report)) need = await whoNeedsCmk(await connect(), report, cmk, asked)
  } finally {
    print(report, need, options)
  }
}

function print(report: ScanReport, need: CmkNeed | undefined, { json, cmk }: Options): void {
  if (json === true) process.stdout.write(safeJson({ report, ...(need && { need }) }))
  else process.stdout.write(explainReport(report) + explainAnswer(report, need, cmk))
  const isRead = isPart(report) ? report.group.isDone : report.isComplete
  // One part of a shared scan cannot answer.
  const isAnswered = cmk === undefined || need?.needed === 'no'
  if (!isRead || !isAnswered) process.exitCode = NOT_YES
}

/** Nothing if the cluster did not answer. */
function explainAnswer(report: ScanReport, need: CmkNeed | undefined, cmk: string | undefined): string {
  if (need !== undefined) return `\n${explainNeed(need)}`
  return cmk !== undefined && isPart(report)
    ? `\nCan CMK ${cmk} be disabled or deleted? One part cannot tell: ask \`scan merge FILE… --cmk ${cmk}\`.\n`
    : ''
}

/** Of a shared scan. What needs a CMK can be answered from all parts only. */
function isPart(report: ScanReport): report is ScanReport & { readonly group: SharedBy } {
  return report.group !== undefined
}

/** The report of an earlier run, if there is one. */
async function earlier(file: string): Promise<ScanReport | undefined> {
  try {
    return await readReport(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
