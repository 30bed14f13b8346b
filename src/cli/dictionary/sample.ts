import { DEFAULT_MAX_DECOMPRESSED_BYTES } from '../../config/defaults.js'
import { hasEnvelopePrefix } from '../../envelope/formats.js'
import { figure } from '../estimate/format-units.js'

/** A value to learn from. */
export interface Sample {
  readonly value: Buffer
  /** Samples of one group count once, because they may be about one person. Undefined: a group of its own. */
  readonly group: string | undefined
}

/** Where a sample comes from. */
export interface Origin {
  /** For messages. */
  readonly place: string
  readonly key?: Buffer | null
}

/**
 * A value as a sample. Its group is what `groupBy` names, or else the key of its record.
 * @param groupBy a path in the JSON of the value, for example `customer.id`. Samples without it form one group
 * @throws Error if the value cannot be a sample; the message has no content
 */
export function sampleOf(value: Buffer, { place, key }: Origin, groupBy: string | undefined): Sample {
  if (value.length > DEFAULT_MAX_DECOMPRESSED_BYTES) {
    throw new Error(
      `${place}: a sample has at most ${figure(DEFAULT_MAX_DECOMPRESSED_BYTES)} bytes, and this one has ${figure(value.length)}`,
    )
  }
  if (hasEnvelopePrefix(value)) {
    throw new Error(`${place}: the value is encrypted. Samples are values before they are sealed`)
  }
  if (groupBy !== undefined) return { value, group: member(parseJson(value, place), groupBy) }
  return { value, group: key?.toString('latin1') }
}

/** @throws Error that says only where the text is */
export function parseJson(text: Buffer, place: string): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch {
    throw new Error(`${place}: not JSON`)
  }
}

function member(json: unknown, path: string): string {
  let at = json
  for (const name of path.split('.')) {
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? Reflect.get(at, name) : null
  }
  return typeof at === 'string' ? at : JSON.stringify(at)
}
