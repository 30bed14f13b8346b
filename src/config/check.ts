import * as v from 'valibot'
import { systemClock, type Clock } from '../clock.js'
import { configError, describeIssue, type ConfigIssue } from '../errors.js'
import type { DekStore } from '../dek-store/dek-store.js'
import type { Kms } from '../kms/kms.js'
import type { CheckedConfig, CheckedFile } from './checked.js'
import type { EncryptionConfig } from './config.js'
import { asArray, asRecord, type UnknownRecord } from './untyped.js'
import { child, ROOT, show, type Show } from './paths.js'
import { crossChecks, type CheckedAgainst } from './cross-checks.js'
import { configSchema, fileSchema, fromCodeSchema, type KmsInFileSchema } from './schema.js'
import { describeMismatch, OBJECTS, objectIssues } from './object-issues.js'
import { HAS_ZSTD } from './has-zstd.js'

/**
 * Checks a configuration and fills in its defaults.
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function checkConfig(
  input: EncryptionConfig,
  clock: Pick<Clock, 'wallMs'> = systemClock,
): CheckedConfig {
  const { issues: misshapen, output } = shape(configSchema, input, show)
  const issues = [...misshapen, ...crossChecks(input, against(clock), show)]
  if (issues.length > 0 || output === undefined) throw configError(issues)
  return output
}

/** The parts of a configuration that code adds to a file. */
export interface FromCode {
  readonly kms: Readonly<Record<string, Kms>>
  readonly dekStore?: DekStore | undefined
}

/** What a file is checked with. */
export interface FileCheckOptions {
  /** For each KMS in the file. */
  readonly kmsInFile: KmsInFileSchema
  /** The KMSs that are known to exist outside the file. */
  readonly kms: UnknownRecord
  /** Whether there may be more of them, so that a file that describes no KMS may name any. */
  readonly mayHaveMore: boolean
  readonly showing: Show
  /** Default: that of this machine. */
  readonly clock?: Pick<Clock, 'wallMs'>
}

/** The mistakes in a file, or its configuration with defaults filled in. */
export interface FileCheck {
  readonly issues: readonly ConfigIssue[]
  readonly checked: CheckedFile | undefined
}

/** Checks the content of a configuration file. */
export function checkFile(
  input: unknown,
  { kmsInFile, kms, mayHaveMore, showing, clock = systemClock }: FileCheckOptions,
): FileCheck {
  const { issues: misshapen, output } = shape(fileSchema(kmsInFile), input, showing)
  const described = asRecord(asRecord(input)['kms'])
  const assumed = mayHaveMore && Object.keys(described).length === 0 ? kmsNames(input) : {}
  const known = { ...asRecord(input), kms: { ...described, ...kms, ...assumed } }
  const issues = [...misshapen, ...crossChecks(known, against(clock), showing)]
  return { issues, checked: issues.length === 0 ? output : undefined }
}

/** Checks the parts of a configuration that code adds to a file. */
export function checkFromCode(fromCode: FromCode): readonly ConfigIssue[] {
  return shape(fromCodeSchema, fromCode, show).issues
}

function against(clock: Pick<Clock, 'wallMs'>): CheckedAgainst {
  return { hasZstd: HAS_ZSTD, nowMs: clock.wallMs() }
}

/** An object that has the KMS names of a configuration as its members. */
function kmsNames(input: unknown): UnknownRecord {
  const refs = Object.values(asRecord(asRecord(input)['cmks'])).flatMap(asArray)
  return Object.fromEntries(refs.map((ref) => [String(asRecord(ref)['kms']), true] as const))
}

/** Finds all mistakes in the form of an input. */
export function shape<S extends v.GenericSchema>(
  schema: S,
  input: unknown,
  showing: Show,
): { issues: ConfigIssue[]; output: v.InferOutput<S> | undefined } {
  const parsed = v.safeParse(schema, input)
  const found = [
    ...objectIssues(schema, input, ROOT, showing),
    ...(parsed.issues ?? [])
      .filter(({ type }) => !OBJECTS.has(type))
      .map((issue) => {
        const keys = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))
        const path = keys.reduce(child, ROOT)
        return { path, message: describeMismatch(issue.message, path, issue.input, showing) }
      }),
  ]
  // One value may fail several checks that have the same message.
  const issues = new Map(found.map((issue) => [describeIssue(issue), issue]))
  return { issues: [...issues.values()], output: parsed.success ? parsed.output : undefined }
}
