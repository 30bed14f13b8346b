import { toJsonSchema } from '@valibot/to-json-schema'
import { BYTES } from '../../src/config/units.js'
import type { Quantity } from '../../src/config/scalars.js'
import { fileSchema } from '../../src/config/schema.js'
import { RESERVED } from '../../src/config/object-issues.js'
import { described } from './descriptions.js'
import { EXPRESSED } from './expressed.js'
import { mapChildren, type SchemaNode } from './node.js'
import { rangePattern } from './range-pattern.js'
import { DEFINITIONS, withReferences } from './references.js'

/**
 * The JSON Schema of configuration files: shapes, ranges and defaults from the Valibot schema that checks them, words
 * from the docstrings of its types, relations from `EXPRESSED`.
 */
export function configJsonSchema(): SchemaNode {
  const { $schema, ...converted } = toJsonSchema(fileSchema, {
    target: 'draft-2020-12',
    // Functions, which no file can have.
    overrideSchema: ({ valibotSchema }) => (valibotSchema.type === 'custom' ? NOTHING : undefined),
    overrideAction: ({ valibotAction, jsonSchema }) => {
      // Code; what it checks is in the metadata that follows it.
      if (valibotAction.type === 'raw_transform' || valibotAction.type === 'check') return jsonSchema
      const { metadata } = valibotAction as { metadata?: { quantity?: Quantity } }
      return metadata?.quantity ? (ofQuantity(metadata.quantity) as typeof jsonSchema) : undefined
    },
  })
  const shape = withReferences(described(tidy(converted as SchemaNode)))
  return {
    $schema,
    title: 'Configuration file of kafka-envelope',
    ...related(shape),
    $defs: DEFINITIONS,
  } as SchemaNode
}

/** What nothing satisfies. */
const NOTHING = { not: {} }

/** Without what says nothing, and with names that cannot be used. */
function tidy({ required, propertyNames, anyOf, ...rest }: SchemaNode): SchemaNode {
  const node = anyOf ? { ...rest, anyOf: anyOf.filter(({ not }) => not !== NOTHING.not) } : rest
  return {
    ...mapChildren(node, tidy),
    ...(required?.length && { required }),
    ...(propertyNames && { propertyNames: nameable(propertyNames) }),
  }
}

/**
 * Without its type, which is always text in JSON: editors take the name of a member such as `0:` in YAML for a number,
 * and the checker takes it as it is written.
 */
function nameable({ type: _, ...names }: SchemaNode): SchemaNode {
  return { ...names, not: { enum: [...RESERVED] } }
}

function ofQuantity(quantity: Quantity): SchemaNode {
  const { units, min, max, minWithoutUnit } = quantity
  const range = `${min === 0 ? '0' : inUnits(min, units)} to ${inUnits(max, units)}`
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
    pattern: rangePattern(quantity),
    patternErrorMessage: `Expected ${range}: ${kind}.`,
  }
}

/** In the largest unit that says it exactly. */
function inUnits(amount: number, units: Quantity['units']): string {
  const [unit = '', factor = 1] =
    Object.entries(units).findLast(([, size]) => amount % size === 0 && amount >= size) ??
    Object.entries(units)[0] ??
    []
  return `${String(amount / factor)}${unit}`
}

function related(shape: SchemaNode): SchemaNode {
  return Object.values(EXPRESSED).reduce(
    (schema, [where, relation]) => at(schema, where.split('/'), relation),
    shape,
  )
}

function at(node: SchemaNode, [step, ...rest]: readonly string[], relation: SchemaNode): SchemaNode {
  if (step === undefined) return { ...node, ...relation }
  return mapChildren(node, (child, key) => (key === step ? at(child, rest, relation) : child))
}
