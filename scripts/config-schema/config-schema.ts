import { toJsonSchema } from '@valibot/to-json-schema'
import { kmsInFileSchema, loadProviders, PROVIDER_NAMES } from '../../src/config-file/providers.js'
import { RESERVED } from '../../src/config/object-issues.js'
import { fileSchema } from '../../src/config/schema.js'
import { BYTES, inUnits, type Quantity } from '../../src/units.js'
import { described } from './descriptions.js'
import { mapChildren, type SchemaNode } from './node.js'
import { DEFINITIONS, withReferences } from './references.js'

/** With all providers, while a process loads those of its file alone. */
export const kmsInFile = kmsInFileSchema(await loadProviders(PROVIDER_NAMES))

/**
 * The JSON Schema of configuration files: members, patterns, ranges and defaults from the Valibot schema that checks
 * them, descriptions from the docstrings of their types.
 */
export function configJsonSchema(): SchemaNode {
  const { $schema, ...converted } = toJsonSchema(fileSchema(kmsInFile), {
    target: 'draft-2020-12',
    typeMode: 'input',
    // Functions, which a file cannot contain.
    overrideSchema: ({ valibotSchema }) => (valibotSchema.type === 'custom' ? NOTHING : undefined),
    overrideAction: ({ valibotAction, jsonSchema }) => {
      // Code. The metadata next to it describes the check.
      if (['check', 'raw_check'].includes(valibotAction.type)) return jsonSchema
      const { metadata } = valibotAction as { metadata?: { quantity?: Quantity } }
      return metadata?.quantity ? (ofQuantity(metadata.quantity) as typeof jsonSchema) : undefined
    },
  })
  return {
    $schema,
    title: 'Configuration file of kafka-envelope',
    ...withReferences(described(tidy(converted as SchemaNode))),
    $defs: DEFINITIONS,
  } as SchemaNode
}

/** The schema that no value satisfies. */
const NOTHING = { not: {} }

/** Removes parts without effect, and names that cannot be used. */
function tidy({ required, propertyNames, anyOf, oneOf, ...rest }: SchemaNode): SchemaNode {
  // A variable may stand for the member that tells alternatives apart, so several of them may fit.
  const options = anyOf ?? oneOf
  const node = options ? { ...rest, anyOf: options.filter(({ not }) => not !== NOTHING.not) } : rest
  return {
    ...mapChildren(node, tidy),
    ...(required?.length && { required }),
    ...(propertyNames && { propertyNames: nameable(propertyNames) }),
  }
}

/**
 * Removes the type of a name, which is always text in JSON. Editors take the name of a member such as `0:` in YAML for
 * a number, while the checker takes it as written.
 */
function nameable({ type: _, ...names }: SchemaNode): SchemaNode {
  return { ...names, not: { enum: [...RESERVED] } }
}

/**
 * The range of numbers is exact. JSON Schema has no range for text: it would need a generated regular expression, which
 * is hard to read. So the schema describes only the form of text, and leaves the range to `kafka-envelope check`.
 */
function ofQuantity({ units, min, max, minWithoutUnit }: Quantity): SchemaNode {
  const range = `${inUnits(min, units)} to ${inUnits(max, units)}`
  const kind =
    units === BYTES
      ? 'a number of bytes, or text such as "64KiB" (B, KiB, MiB, GiB, TiB)'
      : 'a number of milliseconds, or text such as "24h" (ms, s, m, h, d)'
  return {
    description: `${range}; a number is ${units === BYTES ? 'bytes' : `milliseconds, at least ${String(minWithoutUnit)}`}.`,
    type: ['integer', 'string'],
    minimum: min,
    maximum: max,
    ...(minWithoutUnit > min && {
      if: { type: 'integer', minimum: Math.max(min, 1) },
      then: { minimum: minWithoutUnit },
    }),
    pattern: `^(?:0|[1-9][0-9]{0,14})(?:${Object.keys(units).join('|')})$`,
    patternErrorMessage: `Expected ${range}: ${kind}.`,
  }
}
