/** What the schemas of providers' options share. Valibot's own messages repeat the value, which may be a secret. */
import * as v from 'valibot'
import type { ConfigIssue } from '../errors.js'

/** An object without unknown members. Its messages say what is missing. */
export function members<const Entries extends v.ObjectEntries>(
  entries: Entries,
): v.StrictObjectSchema<Entries, (issue: v.StrictObjectIssue) => string> {
  const names = Object.keys(entries)
  return v.strictObject(entries, ({ expected }) => {
    if (expected === 'never') return `unknown member; expected ${names.join(', ')}`
    const missing = names.find((name) => expected === JSON.stringify(name))
    const schema = missing === undefined ? undefined : entries[missing]
    if (schema === undefined) return `expected an object of ${names.join(', ')}`
    // An entry itself says what it expects.
    const [issue] = v.safeParse(schema, undefined).issues ?? []
    return `missing; ${issue?.message ?? 'expected a value'}`
  })
}

/**
 * The message of a variant.
 * @param key the member that tells the kinds apart
 * @param kinds its values, for example `'symmetric' or 'rsa-2048'`
 */
export function oneOfKinds(key: string, kinds: string): (issue: v.VariantIssue) => string {
  return ({ expected }) =>
    expected === 'Object' ? `expected an object whose ${key} is ${kinds}` : `expected ${kinds}`
}

/** An object with names of the user's. */
export const NAMED = 'expected an object'

const PER_SECOND = 'expected a number above 0 and at most 100,000'

/** Calls a second. */
export const perSecond = (byDefault: number): v.OptionalSchema<v.GenericSchema<number>, number> =>
  v.optional(
    v.pipe(v.number(PER_SECOND), v.gtValue(0, PER_SECOND), v.maxValue(100_000, PER_SECOND)),
    byDefault,
  )

/** All mistakes in `options`, and the checked options if there are none yet. */
export function parseOptions<Checked>(
  schema: v.GenericSchema<unknown, Checked>,
  options: unknown,
): { readonly issues: ConfigIssue[]; readonly checked: Checked | undefined } {
  const parsed = v.safeParse(schema, options)
  const issues = (parsed.issues ?? []).map((issue) => ({
    path: v.getDotPath(issue) ?? '(root)',
    message: issue.message,
  }))
  return { issues, checked: parsed.success ? parsed.output : undefined }
}
