import { figure } from '../estimate/format-units.js'
import { BATCHES, type Sizes } from './sizes.js'

const COLUMN = 12

/** What each way to compress leaves, as a table. */
export function explainSizes(sizes: readonly Sizes[], records: number): string {
  const batches = BATCHES.map((size) => `batch of ${String(size)}`)
  return [
    `Bytes a record, on ${String(records)} samples`,
    row('', ['value', ...batches]),
    ...sizes.map(({ name, value, sealed }) =>
      row(
        name,
        [value, ...sealed].map((bytes) => figure(Math.round(bytes))),
      ),
    ),
    '',
    'The batches: records without keys, sealed under one CMK of Tencent Cloud KMS, on a broker, with gzip over the batch.',
    '',
  ].join('\n')
}

function row(name: string, cells: readonly string[]): string {
  const padded = cells.map((cell) => cell.padStart(COLUMN + 2)).join('')
  return `  ${name.padEnd(COLUMN + 2)}${padded}`
}
