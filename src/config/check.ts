import * as v from 'valibot'
import { configError, describeIssue, type ConfigIssue } from '../errors.js'
import type { DekStore } from '../dek-store/dek-store.js'
import type { Kms } from '../kms/kms.js'
import type { CheckedConfig, CheckedPolicy } from './checked.js'
import type { EncryptionConfig } from './config.js'
import { asArray, asRecord, type UnknownRecord } from './untyped.js'
import { child, ROOT, show, type Show } from './paths.js'
import { crossChecks } from './cross-checks.js'
import { configSchema, fileSchema, fromCodeSchema } from './schema.js'
import { describeMismatch, OBJECTS, objectIssues } from './object-issues.js'
import { HAS_ZSTD } from './has-zstd.js'

/**
 * Checks a configuration and fills in its defaults.
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function checkConfig(input: EncryptionConfig): CheckedConfig {
  const { issues: misshapen, output } = shape(configSchema, input, show)
  const issues = [...misshapen, ...crossChecks(input, HAS_ZSTD, show)]
  if (issues.length > 0 || output === undefined) throw configError(issues)
  return output
}

/** The parts of a configuration that code adds to a file. */
export interface FromCode {
  readonly kms: Readonly<Record<string, Kms>>
  readonly dekStore?: DekStore | undefined
}

/** The mistakes in a file, or its configuration with defaults filled in. */
export interface FileCheck {
  readonly issues: readonly ConfigIssue[]
  readonly policy: CheckedPolicy | undefined
}

/**
 * Checks the content of a configuration file.
 * @param fromCode undefined to check the file alone: then every KMS that it names is assumed to exist
 */
export function checkFile(input: unknown, fromCode: FromCode | undefined, showing: Show): FileCheck {
  const { issues: misshapen, output } = shape(fileSchema, input, showing)
  const kms = fromCode ? fromCode.kms : kmsNames(input)
  const issues = [
    ...misshapen,
    ...(fromCode ? shape(fromCodeSchema, fromCode, show).issues : []),
    ...crossChecks({ ...asRecord(input), kms }, HAS_ZSTD, showing),
  ]
  return { issues, policy: issues.length === 0 ? output : undefined }
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
