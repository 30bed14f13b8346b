import * as v from 'valibot'
import { errorCodes, EnvelopeError, rejectionCodes, type ErrorCode } from '../errors.js'
import { count, topicName } from './scalars.js'

const MAX_OVERRIDES = 1000
const MAX_PARTITION = 2 ** 31 - 1

const DATE = '[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])'
const TIME = '(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\\.[0-9]{1,3})?)?'
const ZONE = '(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])'

/** The form of `until`. */
export const TIME_WITH_ZONE = new RegExp(`^${DATE}T${TIME}${ZONE}$`)

/** Text for people, which is shown on terminals. It counts characters, not bytes. */
const printable = (what: string, max: number) => {
  const pattern = `^[^\\p{C}\\p{Z}][^\\p{C}\\p{Zl}\\p{Zp}]{0,${String(max - 1)}}$`
  const expected = `expected ${what}: 1 to ${String(max)} printable characters`
  return v.pipe(
    v.string(expected),
    v.check((text) => new RegExp(pattern, 'u').test(text), expected),
    v.metadata({ pattern }),
  )
}

const override = v.pipe(
  v.strictObject({
    topic: topicName,
    partition: count(0, MAX_PARTITION),
    offset: v.pipe(
      v.string('expected an offset as text, in quotes'),
      // Without leading zeros, so that it is the text that clients give.
      v.regex(/^(?:0|[1-9][0-9]{0,18})$/, 'expected an offset as decimal text'),
    ),
    valueSha256: v.optional(
      v.pipe(
        v.string('expected 64 lower-case hex digits'),
        v.regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'),
      ),
    ),
    code: v.picklist(rejectionCodes(), ({ input }) => whyNot(input)),
    action: v.union(
      [v.picklist(['skip']), v.strictObject({ deadLetter: topicName })],
      "expected 'skip' or {deadLetter}",
    ),
    until: v.pipe(
      v.string('expected a time such as 2026-12-31T18:00:00Z'),
      v.regex(TIME_WITH_ZONE, 'expected a time with its zone, such as 2026-12-31T18:00:00Z'),
    ),
    by: printable('who answers for it', 200),
    why: printable('why the record may pass', 500),
  }),
  v.transform((given) => ({ ...given, untilMs: Date.parse(given.until) })),
)

export const overrides = v.pipe(
  v.array(override, 'expected a list of overrides'),
  v.maxLength(MAX_OVERRIDES, `expected at most ${String(MAX_OVERRIDES)} overrides`),
)

/** Says why an override cannot have a code. */
function whyNot(code: unknown): string {
  const expected = 'expected the code with which the record fails, such as AUTHENTICATION_FAILED'
  if (!errorCodes().includes(code as ErrorCode)) return expected
  const isTransient = new EnvelopeError(code as ErrorCode, '').kind === 'transient'
  const reason = isTransient
    ? 'this failure is transient: consumers wait and try again, and no record is lost'
    : 'this is not the failure of a record'
  return `${expected}; ${reason}`
}
