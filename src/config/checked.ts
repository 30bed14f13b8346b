import type * as v from 'valibot'
import type { configSchema, fileSchema } from './schema.js'

/*
 * A configuration without mistakes, with defaults filled in, and with units in the names of its members. The transforms
 * in `schema.ts` make it; these types only name what they return.
 */

/** What a file says. */
export type CheckedFile = v.InferOutput<ReturnType<typeof fileSchema>>

/** The part that files and code have in common. */
export type CheckedPolicy = Omit<CheckedFile, 'kms'>

export type CheckedConfig = v.InferOutput<typeof configSchema>

export type CheckedOverride = CheckedPolicy['overrides'][number]
export type CheckedRule = CheckedPolicy['rules'][number]
export type CheckedEncryptRule = NonNullable<CheckedRule['encrypt']>
export type CheckedDecryptRule = NonNullable<CheckedRule['decrypt']>
