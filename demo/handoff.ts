import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Produced } from './produce.js'
import { orderTopics } from './setup.js'
import type { Stage } from './stage.js'

/**
 * The record that `--keep` leaves about the orders on the broker, for a reader that shares no code with this project.
 */
export interface Left {
  /** The keyring file, in the same folder. */
  readonly keyring: string
  readonly topics: readonly string[]
  /** Every committed record. */
  readonly records: readonly {
    readonly topic: string
    /** Hex, or null. */
    readonly key: string | null
    /** SHA-256 of the plaintext in hex, or null for a tombstone. */
    readonly value: string | null
  }[]
}

export const LEFT = 'left.json'

/** Writes `left.json` beside the keyring. */
export async function leave(folder: string, stage: Stage, { sent }: Produced): Promise<void> {
  const { place } = stage.kms
  if (place.choice !== 'local') throw new Error('only a keyring can be left')
  const left: Left = {
    keyring: basename(place.keyring),
    topics: orderTopics(stage.topics),
    records: sent.map(({ topic, key, value }) => ({
      topic,
      key: key === null ? null : Buffer.from(key).toString('hex'),
      value: value === null ? null : createHash('sha256').update(value).digest('hex'),
    })),
  }
  await writeFile(join(folder, LEFT), JSON.stringify(left))
}
