import { InvalidArgumentError, Option, type Command } from 'commander'
import { stopwatch, systemClock } from '../../clock.js'
import { rewrap, type RewrapReport, type WaitingForKms } from '../../operate/index.js'
import { audited, withAuditOptions, type AuditOptions } from '../copy/audited.js'
import { isWhole } from '../copy/explain-copy.js'
import { loadEncryption } from '../encryption-setup.js'
import { interruptible, KEEPING_MS } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { printableText } from '../printable.js'
import { ProgressBar } from '../progress-bar.js'
import { safeJson } from '../safe-json.js'
import { explainRewrap, mayNeedOldCmks } from './explain-report.js'

interface Options extends KafkaOptions, AuditOptions {
  readonly to: string
  readonly config: string
  readonly group: string
  readonly add: readonly string[]
  readonly replace: readonly { readonly from: string; readonly to: string }[]
  readonly remove: readonly string[]
  readonly copyOthers?: true
  readonly verify: boolean
  readonly json?: true
}

/** Sealed records, or what may be some, were copied with their old wrappings, or not every offset could be read. */
const NOT_ALL = 2
/** How often a wait is told where there is no terminal. */
const TELL_MS = 60_000

/** `kafka-envelope rewrap SOURCE`: copies a topic with other wrappings of its DEKs. */
export function registerRewrap(program: Command): void {
  const command = withKafkaOptions(
    program
      .command('rewrap')
      .description('copy a topic into another one, with its DEKs wrapped under other CMKs; all else stays')
      .argument('<source>', 'the topic to read'),
  )
    .requiredOption('--to <topic>', 'the topic to write')
    .requiredOption('--config <file>', 'rules, CMKs and KMSs; a rule has to decrypt the topic to read')
    .requiredOption(
      '--group <name>',
      'commands with the same group share the work; it goes on where its group was',
    )
    .addOption(listOf('--add <cmk>', 'wrap each DEK under this CMK, too', (text) => text))
    .addOption(
      listOf(
        '--replace <old=new>',
        'wrap DEKs under another CMK instead, or under its newest version (A=A)',
        replacement,
      ),
    )
    .addOption(
      listOf('--remove <cmk>', 'drop the wrappings under this CMK, but never the last one', (text) => text),
    )
    .option(
      '--copy-others',
      'copy what cannot be rewrapped as it is, and count it, instead of stopping there',
    )
    .option('--no-verify', 'do not open a record of each DEK to try its new wrappings')
  withAuditOptions(command)
    .option('--json', 'print one JSON object instead of text')
    .action((source: string, options: Options) => run(source, options))
}

async function run(source: string, options: Options): Promise<void> {
  const { add, replace, remove } = options
  if (add.length + replace.length + remove.length === 0)
    throw new Error('error: give --add, --replace or --remove')
  const hint = (): string => 'interrupted; the same command goes on where it was'
  await interruptible(
    async (signal) => {
      const { encryption, kafka: ofModule } = await loadEncryption(options.config)
      try {
        const isNamed = options.brokers !== undefined || options.kafka !== undefined
        const kafka = (isNamed ? undefined : ofModule) ?? (await connectKafka(options))
        await audited(encryption, options, async () => {
          const progress = new Progress()
          const { to, group, verify, copyOthers = false } = options
          const report = await rewrap({
            ...{
              kafka,
              encryption,
              from: source,
              to,
              group,
              add,
              replace,
              remove,
              verify,
              copyOthers,
              signal,
            },
            onProgress: ({ done, total }) => {
              progress.show(done, total)
            },
            onWaiting: (waiting) => {
              progress.waits(waiting)
            },
          }).finally(() => {
            progress.end()
          })
          print(report, options)
        })
      } finally {
        await encryption.close()
      }
    },
    hint,
    KEEPING_MS,
  )
}

/** Prints what a run did, and sets the exit code. */
export function print(report: RewrapReport, { json }: Pick<Options, 'json'>): void {
  if (mayNeedOldCmks(report) || !isWhole(report)) process.exitCode = NOT_ALL
  process.stdout.write(json === true ? safeJson(report) : explainRewrap(report))
}

/** Shows progress, and that a KMS does not answer. */
class Progress {
  readonly #bar = new ProgressBar('offsets')
  #at: readonly [done: number, total: number] = [0, 0]
  #note = ''
  readonly #elapsed = stopwatch(systemClock)
  #toldAt = -Infinity

  show(done: number, total: number): void {
    if (done > this.#at[0]) this.#note = ''
    this.#at = [done, total]
    this.#bar.show(done, total, this.#note)
  }

  waits({ code, what, waitedMs }: WaitingForKms): void {
    this.#note = `waiting for a KMS: ${code}`
    if (process.stderr.isTTY) this.#bar.show(...this.#at, this.#note)
    else if (this.#elapsed() - this.#toldAt >= TELL_MS) {
      this.#toldAt = this.#elapsed()
      const seconds = String(Math.round(waitedMs / 1000))
      process.stderr.write(`${printableText(`${this.#note}: ${what}`)}; waited for ${seconds} s\n`)
    }
  }

  end(): void {
    this.#bar.end()
  }
}

/** An option that may be given several times. */
function listOf(flags: string, description: string, parse: (text: string) => unknown): Option {
  return new Option(flags, `${description}; may be repeated`)
    .default([], 'none')
    .argParser((text, before: readonly unknown[]) => [...before, parse(text)])
}

function replacement(text: string): Options['replace'][number] {
  const [from, to, ...rest] = text.split('=')
  if (!from || !to || rest.length > 0) {
    throw new InvalidArgumentError(
      'Expected OLD=NEW: names of `cmks` in the configuration, or ids. An id with = in it has to be given by its name.',
    )
  }
  return { from, to }
}
