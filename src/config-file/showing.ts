import { isWithin, show, type Show } from '../config/paths.js'
import type { Reader } from './reader.js'

/** A text that consists of variables alone. */
const ONLY_VARIABLES = /^(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})+$/

/**
 * How messages show what a file says. The value of a variable may be a secret, so they show the text of the file; and of
 * `kms`, where a secret may stand in the file itself, only texts that are nothing but variables.
 */
export function showing(templates: Reader['templates']): Show {
  return (path, found) => {
    const { template = found, padded = [] } = templates.get(path) ?? {}
    const hints = padded.map((name) => `${name} begins or ends with white space or a line break`)
    const mayBeSecret = isWithin(path, 'kms') && template !== null && !Array.isArray(template)
    if (!mayBeSecret || (typeof template === 'string' && ONLY_VARIABLES.test(template)))
      return [show(path, template), ...hints].join(', and ')
    return hints.length === 0 ? '' : `a text in which ${hints.join(', and ')}`
  }
}
