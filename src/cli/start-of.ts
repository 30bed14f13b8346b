import { InvalidArgumentError } from 'commander'
import type { Place } from '../operate/index.js'

/** Parses where a reading begins or ends: an offset in each partition, or a time. */
export function startOf(text: string): Place {
  if (/^\d{1,19}$/.test(text)) return { offset: BigInt(text) }
  const time = new Date(/^\d{4}-\d{2}-\d{2}/.test(text) ? text : NaN)
  if (Number.isNaN(time.getTime())) throw new InvalidArgumentError('Expected an offset or a time.')
  return { time }
}
