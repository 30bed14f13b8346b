import { mapChildren, type SchemaNode } from './node.js'

/*
 * Any text of a file may contain `${NAME}`, which refers to an environment variable; `$${` is the text `${`. Only the
 * checker knows the value of the variable, so the schema accepts any text that names one.
 */

const NAME = '[A-Za-z_][A-Za-z0-9_]*'
const REFERENCE = `(?:^|[^$])\\$\\{${NAME}\\}`
const NOT_A_REFERENCE = `(?:^|[^$])\\$\\{(?!${NAME}\\})`

export const DEFINITIONS: Readonly<Record<string, SchemaNode>> = {
  reference: {
    description: 'Text with ${NAME} in it: the variable NAME of the environment.',
    type: 'string',
    pattern: REFERENCE,
    not: { $ref: '#/$defs/brokenReference' },
  },
  brokenReference: {
    description: 'Text with ${ in it that starts no ${NAME}.',
    type: 'string',
    pattern: NOT_A_REFERENCE,
  },
}

/** Adapts a schema to a file whose references are not resolved yet. Names of members are never references. */
export function withReferences(node: SchemaNode): SchemaNode {
  const { type, const: only, enum: several, pattern, default: fallback, ...rest } = node
  const choices = typeof only === 'string' ? [only] : several
  if (!type?.includes('string') && typeof only !== 'string') return mapChildren(node, withReferences)
  if (choices) {
    return {
      ...rest,
      anyOf: [{ enum: choices }, { $ref: '#/$defs/reference' }],
      ...(fallback !== undefined && { default: fallback }),
    }
  }
  return {
    ...node,
    ...(pattern !== undefined && { pattern: `${pattern}|${REFERENCE}` }),
    not: { $ref: '#/$defs/brokenReference' },
  }
}
