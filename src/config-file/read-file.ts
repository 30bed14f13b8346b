import { dirname } from 'node:path'
import { configError } from '../errors.js'
import { checkFile, checkFromCode, type FromCode } from '../config/check.js'
import type { CheckedFile } from '../config/checked.js'
import { readDictionaries } from '../config/read-dictionaries.js'
import { child, isWithin } from '../config/paths.js'
import { asRecord } from '../config/untyped.js'
import { prepareKmses, type KmsEntry, type PreparedKmses } from './kms-section.js'
import { inOrder, located } from './located.js'
import { parse } from './parse.js'
import { kmsInFileSchema, providersOf } from './providers.js'
import { Reader } from './reader.js'
import { showing } from './showing.js'
import { readSource } from './source.js'
import type { Environment } from './substitute.js'

/** A configuration file without mistakes. */
export interface ReadConfig {
  /** The content of the file, with environment variables filled in, and without KMSs that code replaces. */
  readonly value: unknown
  readonly policy: CheckedFile
  readonly dictionaries: ReadonlyMap<string, Buffer>
  /** Makes the clients of the KMSs that the file describes. */
  readonly kms: PreparedKmses['kms']
}

/** What is known about the rest of a configuration. */
export type Surroundings =
  | { readonly fromCode: FromCode }
  /** The file is checked alone: code has KMSs of these names, and of any name if the file describes none. */
  | { readonly inCode: readonly string[] }

/**
 * Reads and checks a configuration file.
 * @throws EnvelopeError CONFIG_INVALID with all mistakes
 */
export async function readConfigFile(
  file: string,
  environment: Environment,
  surroundings: Surroundings,
): Promise<ReadConfig> {
  return checkConfigText(file, await readSource(file), environment, surroundings)
}

/**
 * Checks the text of a configuration file.
 * @param file for messages; the files that the text names are relative to its folder
 * @throws EnvelopeError CONFIG_INVALID with all mistakes
 */
export async function checkConfigText(
  file: string,
  source: string,
  environment: Environment,
  surroundings: Surroundings,
): Promise<ReadConfig> {
  const { document, issues: faults, placeOf } = parse(source)
  if (document === undefined) throw configError(faults, { subject: file })
  const reader = new Reader(placeOf, environment)
  const fromCode = 'fromCode' in surroundings ? surroundings.fromCode : undefined
  const replaced = Object.keys(asRecord(fromCode?.kms))
  const isReplaced = (path: string): boolean => replaced.some((name) => isWithin(path, child('kms', name)))
  const value = without(reader.read(document.contents), replaced)
  const unreadable = reader.issues.filter(({ path }) => !isReplaced(path))

  const { kms: described } = asRecord(value)
  const forms = await providersOf(described)
  const { issues, checked } = checkFile(value, {
    kmsInFile: kmsInFileSchema(forms),
    kms: 'inCode' in surroundings ? named(surroundings.inCode) : surroundings.fromCode.kms,
    mayHaveMore: fromCode === undefined,
    showing: showing(reader.templates),
  })
  const folder = dirname(file)
  const { dictionaries, issues: unread } = await readDictionaries(checked?.dictionaries ?? {}, folder)
  const sound = Object.entries(asRecord(described)).filter(
    ([name]) => ![...unreadable, ...issues].some(({ path }) => isWithin(path, child('kms', name))),
  )
  const prepared = await prepareKmses(Object.fromEntries(sound) as Record<string, KmsEntry>, forms, folder)

  const broken = new Set(unreadable.map(({ path }) => path))
  const all = [
    ...unreadable,
    ...(fromCode ? checkFromCode(fromCode) : []),
    ...[...issues, ...unread, ...prepared.issues]
      .filter(({ path }) => !broken.has(path))
      .map((issue) => located(issue, reader.places)),
  ]
  if (all.length > 0 || checked === undefined) {
    throw configError(inOrder(all), { subject: file })
  }
  return { value, policy: checked, dictionaries, kms: prepared.kms }
}

/** An object that has members of these names. */
function named(names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.map((name) => [name, true]))
}

/** Leaves out the KMSs that code replaces. */
function without(value: unknown, replaced: readonly string[]): unknown {
  const { kms } = asRecord(value)
  if (replaced.length === 0 || Object.keys(asRecord(kms)).length === 0) return value
  const rest = Object.entries(asRecord(kms)).filter(([name]) => !replaced.includes(name))
  return { ...asRecord(value), kms: Object.fromEntries(rest) }
}
