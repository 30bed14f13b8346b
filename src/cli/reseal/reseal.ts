import type { Command } from 'commander'
import { onAbort } from '../../cancellation.js'
import { reseal } from '../../operate/index.js'
import { audited, withAuditOptions, type AuditOptions } from '../copy/audited.js'
import { explainCopy, isWhole } from '../copy/explain-copy.js'
import { loadEncryption } from '../encryption-setup.js'
import { figure } from '../estimate/format-units.js'
import { interruptible, KEEPING_MS } from '../interrupt.js'
import { connectKafka, withKafkaOptions, type KafkaOptions } from '../kafka/connect.js'
import { ProgressBar } from '../progress-bar.js'
import { safeJson } from '../safe-json.js'

interface Options extends KafkaOptions, AuditOptions {
  readonly to: string
  readonly config: string
  readonly group: string
  readonly json?: true
}

/** Not every offset could be read. */
const NOT_WHOLE = 2

/** `kafka-envelope reseal SOURCE --to TARGET`: opens the records of a topic, and seals them anew into another one. */
export function registerReseal(program: Command): void {
  const command = withKafkaOptions(
    program
      .command('reseal')
      .description(
        'open the records of a topic, and seal them under new DEKs into another topic, exactly once',
      )
      .argument('<source>', 'the topic to read, up to the end that it has now'),
  )
    .requiredOption('--to <topic>', 'the topic to write; empty at first, with as many partitions')
    .requiredOption(
      '--config <file>',
      'opens records under the rule of the one topic, seals under that of the other',
    )
    .requiredOption(
      '--group <name>',
      'the consumer group that keeps how far it is; the same command goes on there, also on several machines at once',
    )
  withAuditOptions(command)
    .option('--json', 'print one JSON object instead of text')
    .action((source: string, options: Options) => {
      const hint = (): string => 'interrupted; the same command goes on where it ended'
      return interruptible((signal) => runReseal(source, options, signal), hint, KEEPING_MS)
    })
}

async function runReseal(from: string, options: Options, signal: AbortSignal): Promise<void> {
  const { to, config, group, json } = options
  const setup = await loadEncryption(config)
  const { encryption } = setup
  // Ends calls to a KMS.
  const removeListener = onAbort(signal, () => void encryption.close())
  const bar = new ProgressBar('offsets')
  try {
    const isNamed = options.brokers !== undefined || options.kafka !== undefined
    const kafka = (isNamed ? undefined : setup.kafka) ?? (await connectKafka(options))
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      bar.show(done, total)
    }
    await audited(encryption, options, async () => {
      const report = await reseal({ kafka, encryption, from, to, group, onProgress, signal }).finally(() => {
        bar.end()
      })
      const deks = `${figure(report.deks)} new ${report.deks === 1 ? 'DEK' : 'DEKs'}`
      process.stdout.write(json === true ? safeJson(report) : explainCopy(report, 'resealed', deks))
      if (!isWhole(report)) process.exitCode = NOT_WHOLE
    })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    removeListener()
    await encryption.close()
  }
}
