import { randomBytes } from 'node:crypto'
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { consumeElsewhere } from './compare.js'
import { SECRETS } from './orders.js'
import { KMS_CHOICES, type KmsChoice } from './kms.js'
import { leave } from './handoff.js'
import { produce, RECORDS, type Produced } from './produce.js'
import { decode, readRaw, show, type RawMessage } from './raw.js'
import { refuse } from './refuse.js'
import { grouped, Report } from './report.js'
import { missed, search } from './search.js'
import { demoEncryption, orderTopics } from './setup.js'
import { onStage, type Stage } from './stage.js'
import { summarise, watch } from './summary.js'

/*
 * Seals 5,000 orders onto a real broker, shows what the broker holds, opens them in another process and compares every
 * byte. Exits with 1 if anything is wrong.
 *
 *   --kms KMS       local (default): a keyring in a file; tencent-emulator: an emulator of Tencent Cloud KMS
 *   --keep FOLDER   leave the orders' topics on the broker and, in FOLDER, the keyring and the expected records; with
 *                   --kms local only, since the emulator's keys end with it
 */

/** The parsed options, or why they cannot be used. */
function optionsOf(args: readonly string[]): { kms: KmsChoice; keep: string | undefined } | string {
  const options = { keep: { type: 'string' }, kms: { type: 'string', default: 'local' } } as const
  let values: { readonly kms: string; readonly keep?: string }
  try {
    values = parseArgs({ args: [...args], options }).values
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const kms = KMS_CHOICES.find((choice) => choice === values.kms)
  if (kms === undefined) return `--kms is ${KMS_CHOICES.join(' or ')}, not "${values.kms}"`
  if (values.keep !== undefined && kms !== 'local') {
    return '--keep needs --kms local: the keys of the emulator end with it'
  }
  return { kms, keep: values.keep }
}

const options = optionsOf(process.argv.slice(2))
if (typeof options === 'string') {
  console.error(`demo: ${options}`)
  process.exit(2)
}
const { kms, keep } = options
const started = performance.now()
const report = new Report()

async function play(stage: Stage): Promise<void> {
  Object.assign(process.env, stage.kms.rights.main)
  const encryption = await demoEncryption(stage.kms.place, stage.topics)
  const activity = watch(encryption)
  const topics = orderTopics(stage.topics)
  const step = (title: string): void => {
    stage.signal.throwIfAborted()
    report.heading(title)
  }

  step(`1. Producing ${grouped(RECORDS)} orders to ${String(topics.length)} topics, encrypted`)
  const produced = await produce(stage, encryption, report)

  step('2. What the broker holds, read with a plain client')
  const count = produced.sent.length + produced.aborted.length
  const raw = await readRaw(stage, `demo.raw.${stage.run}`, topics, count, (done) => {
    report.progress(done, count, 'records read')
  })
  const dekCount = inspect(raw, produced)
  const samples = topics.flatMap((topic) => raw.find((one) => one.topic === topic && one.value) ?? [])
  for (const sample of samples) report.say(show(sample))
  searchAll(raw, produced)

  step('3. Consuming in another process, decrypting')
  const consumed = await consumeElsewhere(stage, produced, report)
  report.expect(
    consumed?.kmsCalls['unwrap'] === dekCount,
    `the consuming process should have called the KMS once for each of ${String(dekCount)} DEKs`,
  )

  step('4. Bad records, each written by a plain producer between two good ones')
  await refuse(stage, encryption, samples[0] as RawMessage, report)
  await encryption.close()
  if (keep !== undefined) await leave(keep, stage, produced)

  step('Summary')
  summarise(produced, raw, activity, consumed, performance.now() - started, report)
  stage.kms.summarise(report)
}

/**
 * Checks that every value is an envelope for its topic, and that every record exists once. Returns how many DEKs sealed
 * them.
 */
function inspect(raw: readonly RawMessage[], { sent, aborted }: Produced): number {
  const ids = raw.map(({ headers }) => headers?.['id']?.toString())
  const complete = new Set(ids).size === ids.length && ids.length === sent.length + aborted.length
  report.expect(complete, `the broker holds ${grouped(ids.length)} records`)
  const sessions = new Set<string>()
  for (const { topic, offset, value } of raw) {
    if (value === null) continue
    try {
      const { header } = decode(value)
      report.expect(header.topic === topic, `${topic}, offset ${offset}: sealed for ${header.topic}`)
      sessions.add(header.sessionId.toString('hex'))
    } catch {
      report.expect(false, `${topic}, offset ${offset}: not an envelope`)
    }
  }
  return sessions.size
}

function searchAll(raw: readonly RawMessage[], { sent }: Produced): void {
  const values = raw.flatMap(({ value }) => value ?? [])
  const { bytes, patterns, found } = search(SECRETS, values)
  report.say(
    `  searched ${grouped(bytes)} bytes of ${grouped(values.length)} values for ${String(SECRETS.length)} pieces of ` +
      `plaintext in ${String(patterns)} forms (UTF-8, UTF-16, base64): ${String(found.size)} found`,
  )
  for (const name of found) report.expect(false, `the broker holds plaintext: ${name}`)
  // A search that finds nothing proves something only if it can find these texts.
  const plain = Buffer.from(sent.map(({ value }) => value ?? '').join('\n'))
  const sentForms = search(SECRETS, [plain]).found.size
  report.say(`  the same search finds ${String(sentForms)} of them in what was sent`)
  report.expect(sentForms >= SECRETS.length, 'not every piece of plaintext was in what was sent')
  for (const text of missed(SECRETS)) report.expect(false, `the search would miss ${text}`)
}

const stopping = new AbortController()
let signalled: NodeJS.Signals | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    signalled ??= signal
    report.close()
    stopping.abort()
  })
}

const run = randomBytes(4).toString('hex')
await onStage({ run, signal: stopping.signal, report, kms, keep }, play).catch((error: unknown) => {
  report.expect(false, error instanceof Error ? (error.stack ?? error.message) : String(error))
})
if (signalled !== undefined) {
  const removed = keep === undefined ? 'topics, keys and processes' : 'processes'
  console.error(`Stopped by ${signalled}; ${removed} of this run were removed.`)
  process.exit(128 + constants.signals[signalled])
}
for (const problem of report.problems) console.error(`  WRONG: ${problem}`)
if (report.problems.length > 0) {
  report.say(`\n${String(report.problems.length)} things are wrong.`)
  // A run that failed may still have open connections.
  process.exit(1)
}
report.say('\nEverything came back as it was sent.')
