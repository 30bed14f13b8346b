import * as v from 'valibot'
import type { Kms } from './kms.js'

/** What a configuration file says in place of `ca`. Whoever reads the file puts the certificates into `ca`. */
export interface CaInFile {
  /**
   * A file with certificates in PEM form that are trusted besides those of Node.js, relative to the folder of the
   * configuration file. Excludes `ca`. Default none.
   */
  readonly caFile?: string
}

const CA_FILE = 'expected the path of a file with certificates in PEM form'
export const caFile: v.OptionalSchema<v.GenericSchema<string>, undefined> = v.optional(
  v.pipe(v.string(CA_FILE), v.minLength(1, CA_FILE)),
)

/** How a configuration file describes a KMS of one provider. */
export interface FileForm {
  /** An object with `provider`, and the members that the file may have. */
  readonly schema: FileFormSchema
  /**
   * Checks what `schema` alone cannot see.
   * @param entry one that `schema` accepts, without `caFile`
   * @param at makes the path of a file absolute
   * @returns a function that makes the client. Nothing is contacted, and no SDK is loaded
   * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value
   */
  prepare(entry: unknown, at: (file: string) => string): () => Kms
}

export type FileFormSchema = v.StrictObjectSchema<
  v.ObjectEntries & { readonly provider: v.LiteralSchema<string, undefined> },
  undefined
>

interface Parts<Entry, Options> {
  readonly schema: FileFormSchema
  /** The options of the provider that an entry means. */
  readonly options: (entry: Entry, at: (file: string) => string) => Options
  readonly check: (options: Options) => unknown
  readonly create: (options: Options) => Kms
}

export function fileForm<Entry, Options>({
  schema,
  options,
  check,
  create,
}: Parts<Entry, Options>): FileForm {
  return {
    schema,
    prepare(entry, at) {
      const meant = options(entry as Entry, at)
      check(meant)
      return () => create(meant)
    },
  }
}
