import { createHash } from 'node:crypto'

/** Stands in every plaintext, and nowhere else: where it is found, plaintext was left. */
export const CANARY = 'canary-of-the-fault-suite'
/** Stands in every record that a schedule forges. */
export const FORGED = 'forged-by-the-fault-suite'

/** Begins every key. Keys are not encrypted. */
export const KEY = 'key-of-the-fault-suite-'

/** What a record says about itself. Records of one key are numbered in the order in which they are sent. */
export interface Numbered {
  readonly producer: string
  readonly n: number
  readonly key: string
}

/** A plaintext: canary, number, padding, and a hash of all that. */
export function valueOf({ producer, n, key }: Numbered, bytes = 120): string {
  const text = [CANARY, producer, String(n), key].join(' ')
  const padded = `${text} ${'.'.repeat(Math.max(1, bytes - text.length))}`
  return `${padded} ${hashOf(padded)}`
}

/** The number in a delivered record; undefined if the record is not one that `valueOf` made for this key. */
export function numberedIn(key: Buffer | null, value: Buffer | null): Numbered | undefined {
  const text = value?.toString() ?? ''
  const end = text.lastIndexOf(' ')
  const [canary, producer = '', n = '', ownKey = ''] = text.split(' ')
  const isWhole = canary === CANARY && text.slice(end + 1) === hashOf(text.slice(0, end))
  return isWhole && key?.toString() === ownKey ? { producer, n: Number(n), key: ownKey } : undefined
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
