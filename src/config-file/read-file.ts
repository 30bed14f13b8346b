import { dirname } from 'node:path'
import { configError, type ConfigIssue } from '../errors.js'
import { checkFile, type FromCode } from '../config/check.js'
import type { CheckedPolicy } from '../config/checked.js'
import { readDictionaries } from '../config/read-dictionaries.js'
import { ROOT, show, type Show } from '../config/paths.js'
import { parse } from './parse.js'
import { Reader } from './reader.js'
import { readSource } from './source.js'
import type { Environment } from './substitute.js'

/** A configuration file without mistakes. */
export interface ReadConfig {
  /** The content of the file, with environment variables filled in. */
  readonly value: unknown
  readonly policy: CheckedPolicy
  readonly dictionaries: ReadonlyMap<string, Buffer>
}

/**
 * Reads and checks a configuration file.
 * @param fromCode undefined to check the file alone: then every KMS that it names is assumed to exist
 * @throws EnvelopeError CONFIG_INVALID with all mistakes
 */
export async function readConfigFile(
  file: string,
  environment: Environment,
  fromCode?: FromCode,
): Promise<ReadConfig> {
  const { document, issues: faults, placeOf } = parse(await readSource(file))
  if (document === undefined) throw configError(faults, { subject: file })
  const reader = new Reader(placeOf, environment)
  const value = reader.read(document.contents)
  const { places, templates } = reader

  // The value of a variable may be a secret, so messages show the text of the file.
  const showing: Show = (path, found) => {
    const { template = found, padded = [] } = templates.get(path) ?? {}
    const hint = padded.map((name) => `, and ${name} begins or ends with white space or a line break`)
    return `${show(path, template)}${hint.join('')}`
  }
  const { issues, policy } = checkFile(value, fromCode, showing)
  const { dictionaries, issues: unread } = await readDictionaries(policy?.dictionaries ?? {}, dirname(file))

  const broken = new Set(reader.issues.map(({ path }) => path))
  const all = [
    ...reader.issues,
    ...[...issues, ...unread].filter(({ path }) => !broken.has(path)).map((issue) => located(issue, places)),
  ]
  if (all.length > 0 || policy === undefined) {
    const inOrder = all.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
    throw configError(inOrder, { subject: file })
  }
  return { value, policy, dictionaries }
}

/** Adds the place of the member or, if it is missing, of the nearest member around it. */
function located(issue: ConfigIssue, places: Reader['places']): ConfigIssue {
  for (let path = issue.path; ;) {
    const place = places.get(path)
    if (place) return { ...issue, ...place }
    if (path === ROOT) return issue
    const end = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))
    path = end <= 0 ? ROOT : path.slice(0, end)
  }
}
