import type { Command } from 'commander'
import { examine, type Examination } from '../../operate/index.js'
import { loadSetup } from '../encryption-setup.js'
import { forTerminal } from '../for-terminal.js'
import { interruptible } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { safeJson } from '../safe-json.js'
import { explainExamination } from './explain-examination.js'

interface Options extends KafkaOptions {
  readonly config: string
  readonly topics?: readonly string[]
  readonly canary?: string
  readonly json?: true
}

/** Something is worse than a note. */
const NOT_WELL = 2

/** `kafka-envelope doctor`: what is wrong with a setup, and what to do about it. */
export function registerDoctor(program: Command): void {
  withKafkaOptions(
    program
      .command('doctor')
      .description('check a whole setup and say what to do; changes nothing, unless a canary is asked for'),
  )
    .requiredOption(
      '--config <file>',
      'rules and KMSs: a configuration file, or a module in JavaScript that exports `config`',
    )
    .option('--topics <name...>', 'check only these topics (default: all that a rule matches)')
    .option(
      '--canary <topic>',
      'write one sealed record, with the header kafka-envelope-canary, into this topic, and read it',
    )
    .option('--json', 'print one JSON object instead of text')
    .action((options: Options) => interruptible((signal) => doctor(options, signal)))
}

async function doctor(options: Options, signal: AbortSignal): Promise<void> {
  const { topics, canary, json } = options
  const isNamed = options.brokers !== undefined || options.kafka !== undefined
  const setup = await loadSetup(options.config)
  const kafka = isNamed ? await connectKafka(options) : setup.kafka
  if (canary !== undefined && kafka === undefined)
    throw new Error('error: --canary needs --brokers or --kafka')
  const examination = await examine({
    config: setup.config,
    ...(kafka && { kafka }),
    ...(topics && { topics }),
    ...(canary !== undefined && { canary }),
    signal,
  }).finally(() => setup.close())
  process.stdout.write(
    json === true ? safeJson(examination) : forTerminal(explainExamination(options.config, examination)),
  )
  if (isWorseThanNotes(examination)) process.exitCode = NOT_WELL
}

function isWorseThanNotes({ findings }: Examination): boolean {
  return findings.some(({ severity }) => severity !== 'note')
}
