import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addCmk, createKeyring } from '../src/kms/local/index.js'
import { consumeElsewhere } from './compare.js'
import { produce } from './produce.js'
import { readRaw, searchPlaintext, show } from './raw.js'
import { refuse } from './refuse.js'
import { demoEncryption, demoKafka, topicsOf } from './setup.js'

/*
 * Seals 5,000 orders onto a real broker, shows what the broker holds, opens them in another process and
 * compares every byte. Exits with 1 where anything is not as it should be.
 */

const started = performance.now()
const problems: string[] = []
const say = (text: string): void => {
  console.log(text)
}
const progress = (text: string): void => {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K  ${text}`)
  else if (/\d,000 records|aborted/.test(text)) say(`  ${text}`)
}
const heading = (text: string): void => {
  say(`${process.stdout.isTTY ? '\n' : ''}\n${text}`)
}
function expectThat(holds: boolean, what: string): void {
  if (!holds) problems.push(what)
}

const run = randomBytes(4).toString('hex')
const topics = topicsOf(run)
const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-demo-'))
const keyring = join(folder, 'demo.keyring')
const kafka = demoKafka()
const admin = kafka.admin()

try {
  await createKeyring(keyring)
  await addCmk(keyring, 'orders', { type: 'aes-256' })
  await admin.connect()
  const numPartitions = 3
  await admin.createTopics({
    waitForLeaders: true,
    topics: Object.values(topics).map((topic: string) => ({
      topic,
      numPartitions: topic === topics.refused ? 1 : numPartitions,
    })),
  })
  const encryption = await demoEncryption(keyring, topics)
  const deks: string[] = []
  const rotations = { age: 0, messages: 0, bytes: 0, manual: 0, forgotten: 0, closed: 0 }
  let sealingCalls = 0
  encryption.on('dek.created', ({ sessionId }) => deks.push(sessionId))
  encryption.on('dek.retired', ({ reason }) => rotations[reason]++)
  encryption.on('kms.call', ({ operation }) => {
    if (operation === 'generate') sealingCalls++
  })

  heading(`1. Producing to ${String(Object.keys(topics).length - 1)} topics through an encrypting producer`)
  const { sent, aborted, busyMs } = await produce(kafka, encryption, topics, progress)

  heading('2. What the broker holds, read with a plain client')
  const raw = await readRaw(kafka, [topics.orders, topics.payments, topics.audit], sent.length + aborted)
  const sample = raw.find(({ topic, value }) => topic === topics.payments && (value?.length ?? 0) > 0)
  const moved = raw.find(({ topic, value }) => topic === topics.orders && (value?.length ?? 0) > 0)
  if (sample === undefined || moved === undefined) throw new Error('the broker holds no sealed record')
  say(show(sample))
  const values = raw.flatMap(({ value }) => (value === null ? [] : [value]))
  const control = searchPlaintext([Buffer.from(sent[0]?.value ?? '')])
  const search = searchPlaintext(values)
  say(
    `  searched ${search.bytes.toLocaleString('en')} bytes of ${values.length.toLocaleString('en')} values for ` +
      `${String(search.patterns)} patterns of known plaintext: ${String(search.found)} found ` +
      `(the same search finds ${String(control.found)} in one order before sealing)`,
  )
  expectThat(search.found === 0, 'plaintext was found on the broker')
  expectThat(control.found > 0, 'the search finds nothing in plaintext either')

  heading('3. Consuming in another process through a decrypting consumer')
  const consumed = await consumeElsewhere(keyring, run, sent, progress)
  problems.push(...consumed.differences.slice(0, 10))
  say(
    `${process.stdout.isTTY ? '\n' : ''}  ${sent.length.toLocaleString('en')} records compared byte for byte, key and ` +
      `headers included: ${String(consumed.differences.length)} differences`,
  )

  heading('4. Bad records, written by a plain producer between two good ones')
  const { refusals, delivered } = await refuse(kafka, encryption, topics, moved)
  for (const { what, expected, code } of refusals) {
    say(`  ${what}: ${code ?? 'delivered!'}`)
    expectThat(code === expected, `${what} should have been refused with ${expected}`)
  }
  say(`  delivered: ${delivered.join(' | ')}`)
  expectThat(
    delivered.join() === 'good, before,good, after',
    'the good records should have been delivered, and only they',
  )
  await encryption.close()

  for (const reason of ['age', 'messages', 'bytes'] as const) {
    expectThat(rotations[reason] > 0, `no DEK was rotated by ${reason}`)
  }
  const ids = new Set(sent.map(({ headers }) => headers.id))
  const plainBytes = sent.reduce((sum, { value }) => sum + Buffer.byteLength(value ?? ''), 0)
  const committed = raw.filter(({ headers }) => ids.has(headers?.['id']?.toString() ?? ''))
  const sealedValues = committed.filter(({ value }) => value !== null)
  const sealedBytes = sealedValues.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
  heading('Summary')
  say(`  records     ${sent.length.toLocaleString('en')} sealed and opened, ${String(aborted)} more aborted`)
  say(`  DEKs        ${String(deks.length)}`)
  say(
    `  rotations   ${String(rotations.messages)} by messages, ${String(rotations.bytes)} by bytes, ${String(rotations.age)} by age`,
  )
  say(`  KMS calls   ${String(sealingCalls)} to seal, ${String(consumed.kmsCalls)} to open`)
  say(`  overhead    ${((sealedBytes - plainBytes) / sealedValues.length).toFixed(0)} bytes a record`)
  const perSecond = (ms: number): string => Math.round((sent.length / ms) * 1000).toLocaleString('en')
  say(
    `  throughput  ${perSecond(busyMs)} records/s sealed and acknowledged, ${perSecond(consumed.busyMs)} records/s opened and compared`,
  )
  say(`  time        ${((performance.now() - started) / 1000).toFixed(1)} s`)
} finally {
  await admin.deleteTopics({ topics: Object.values(topics) as string[] }).catch(() => undefined)
  await admin.disconnect()
  await rm(folder, { recursive: true, force: true })
}

for (const problem of problems) console.error(`  WRONG: ${problem}`)
say(
  problems.length === 0
    ? '\nEverything came back as it was sent.'
    : `\n${String(problems.length)} things are wrong.`,
)
process.exitCode = problems.length === 0 ? 0 : 1
