import { configError, type ConfigIssue } from '../errors.js'
import type { Show } from '../config/paths.js'
import { inOrder, located } from './located.js'
import { parse } from './parse.js'
import { Reader } from './reader.js'
import { showing } from './showing.js'
import { readSource } from './source.js'
import type { Environment } from './substitute.js'

/** The content of a YAML or JSON file, with environment variables filled in. */
export interface ReadDocument {
  readonly value: unknown
  /** For messages about the content: shows the text of the file, because the value of a variable may be a secret. */
  readonly show: Show
  /**
   * Reports the mistakes that were found in the content, each at its line and column, together with those that the
   * reading found.
   * @throws EnvelopeError CONFIG_INVALID if there is any mistake
   */
  refuse(issues: readonly ConfigIssue[]): void
}

/**
 * Reads a file: YAML 1.2 or JSON in UTF-8, at most 256KiB.
 * @throws EnvelopeError CONFIG_INVALID if it cannot be read or is not YAML
 */
export async function readDocument(file: string, environment: Environment): Promise<ReadDocument> {
  const { document, issues: faults, placeOf } = parse(await readSource(file))
  if (document === undefined) throw configError(faults, { subject: file })
  const reader = new Reader(placeOf, environment)
  const value = reader.read(document.contents)
  const { places, templates } = reader
  return {
    value,
    show: showing(templates),
    refuse: (issues) => {
      const broken = new Set(reader.issues.map(({ path }) => path))
      const all = [
        ...reader.issues,
        ...issues.filter(({ path }) => !broken.has(path)).map((issue) => located(issue, places)),
      ]
      if (all.length > 0) throw configError(inOrder(all), { subject: file })
    },
  }
}
