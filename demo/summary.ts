import type { Encryption, RetireReason } from '../src/index.js'
import type { Produced } from './produce.js'
import type { RawMessage } from './raw.js'
import { grouped, type Report } from './report.js'
import type { ConsumerEnd } from './wire.js'

/** Counts the work of an encryption, from its events. */
export interface Activity {
  deks: number
  readonly retired: Partial<Record<RetireReason, number>>
  readonly kmsCalls: Record<string, number>
}

export function watch(encryption: Encryption): Activity {
  const activity: Activity = { deks: 0, retired: {}, kmsCalls: {} }
  encryption.on('dek.created', () => activity.deks++)
  encryption.on('dek.retired', ({ reason }) => {
    activity.retired[reason] = (activity.retired[reason] ?? 0) + 1
  })
  encryption.on('kms.call', ({ operation, outcome }) => {
    const name = outcome === 'ok' ? operation : `${operation} (failed)`
    activity.kmsCalls[name] = (activity.kmsCalls[name] ?? 0) + 1
  })
  return activity
}

const REASONS = ['age', 'messages', 'bytes'] as const

/** Prints the measurements, and reports expected results that did not occur. */
export function summarise(
  { sent, aborted, busyMs }: Produced,
  raw: readonly RawMessage[],
  { deks, retired, kmsCalls }: Activity,
  consumed: ConsumerEnd | undefined,
  elapsedMs: number,
  report: Report,
): void {
  const rotations = REASONS.map((reason) => `${String(retired[reason] ?? 0)} by ${reason}`)
  for (const reason of REASONS) report.expect((retired[reason] ?? 0) > 0, `no DEK was rotated by ${reason}`)

  const values = sent.map(({ value }) => value)
  const sizes = values.map((value) => Buffer.byteLength(value ?? ''))
  const tombstones = values.filter((value) => value === null).length
  const empty = values.filter((value) => value === '').length
  const largest = Math.max(...sizes)
  report.expect(tombstones > 0, 'there was no tombstone')
  report.expect(empty > 0, 'there was no empty value')
  report.expect(largest >= 900_000, 'there was no value of 900 KB')

  const failed = [kmsCalls, consumed?.kmsCalls ?? {}].some((calls) =>
    Object.keys(calls).some((name) => name.endsWith('(failed)')),
  )
  report.expect(!failed, 'a call to the KMS failed')

  const overheads = overheadsOf(sent, raw)
  const mean = overheads.reduce((sum, bytes) => sum + bytes, 0) / overheads.length
  const perSecond = (ms: number): string => `${grouped((sent.length / ms) * 1000)} records/s`
  const listed = (calls: Readonly<Record<string, number>>): string =>
    Object.entries(calls)
      .map(([name, count]) => `${String(count)} ${name}`)
      .join(', ')
  const rows: readonly (readonly [string, string])[] = [
    [
      'records',
      `${grouped(sent.length)} sealed and opened, ${grouped(aborted.length)} more sealed and aborted`,
    ],
    ['', `${String(tombstones)} tombstones, ${String(empty)} empty, largest ${grouped(largest)} bytes`],
    ['DEKs', String(deks)],
    ['rotations', rotations.join(', ')],
    ['KMS calls', `${listed(kmsCalls)} here; ${listed(consumed?.kmsCalls ?? {})} in the consuming process`],
    [
      'overhead',
      `${grouped(mean)} bytes a record (${grouped(Math.min(...overheads))} to ${grouped(Math.max(...overheads))})`,
    ],
    ['sealed', `${perSecond(busyMs)}, acknowledged; ${(busyMs / 1000).toFixed(1)} s without pauses`],
    [
      'opened',
      consumed
        ? `${perSecond(consumed.busyMs)}, handed to the other process; ${(consumed.busyMs / 1000).toFixed(1)} s`
        : 'nothing',
    ],
    ['time', `${(elapsedMs / 1000).toFixed(1)} s`],
  ]
  for (const [name, text] of rows) report.say(`  ${name.padEnd(11)} ${text}`)
}

/** The bytes that sealing added to each value. */
function overheadsOf(sent: Produced['sent'], raw: readonly RawMessage[]): number[] {
  const plain = new Map(sent.map(({ headers, value }) => [headers.id, value]))
  return raw.flatMap(({ headers, value }) => {
    const before = plain.get(headers?.['id']?.toString() ?? '')
    return before === undefined || before === null || value === null
      ? []
      : [value.length - Buffer.byteLength(before)]
  })
}
