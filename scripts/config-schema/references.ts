import { mapChildren, type SchemaNode } from './node.js'

/*
 * Any text of a file may have `${NAME}` in it, which stands for a variable of the environment; `$${` is the text `${`.
 * What the variable has only the checker knows: the schema lets a text pass that names one.
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

/** The same schema for a file in which references are not resolved yet. Names of members are never references. */
export function withReferences(node: SchemaNode): SchemaNode {
  const { type, enum: choices, pattern, default: fallback, ...rest } = node
  if (!type?.includes('string')) return mapChildren(node, withReferences)
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
