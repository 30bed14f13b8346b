import { BYTES, MS } from '../../src/config/units.js'
import {
  FREQUENT_AGE_MS,
  FREQUENT_BYTES,
  FREQUENT_MESSAGES,
  type RelationName,
} from '../../src/config/cross-checks.js'
import type { SchemaNode } from './node.js'
import { rangePattern } from './range-pattern.js'

/** Where in a file, as a path through the schema; `*` is any name, `[]` any item. */
type Where = 'cmks/*' | 'topics/[]' | 'topics/[]/encrypt' | 'topics/[]/encrypt/rotate'

const few: SchemaNode = { exclusiveMaximum: FREQUENT_MESSAGES }
const small: SchemaNode = {
  maximum: FREQUENT_BYTES - 1,
  pattern: rangePattern({ units: BYTES, min: 1, max: FREQUENT_BYTES - 1 }),
}
const brief: SchemaNode = {
  minimum: 1000,
  maximum: FREQUENT_AGE_MS - 1,
  pattern: rangePattern({ units: MS, min: 1000, max: FREQUENT_AGE_MS - 1 }),
}
const consent: SchemaNode = {
  required: ['allowFrequentRotation'],
  properties: { allowFrequentRotation: { const: true } },
}

/**
 * Relations between parts of a configuration that the JSON Schema tells as the checker does. What text a variable of
 * the environment stands for is not known to it: what depends on that it lets pass.
 */
export const EXPRESSED: Partial<Record<RelationName, readonly [where: Where, node: SchemaNode]>> = {
  'a CMK stands in a list once': ['cmks/*', { uniqueItems: true }],
  'a passthrough rule does nothing else': [
    'topics/[]',
    {
      if: { required: ['passthrough'], properties: { passthrough: { const: true } } },
      then: { properties: { encrypt: false, decrypt: false } },
    },
  ],
  'a rule does something': [
    'topics/[]',
    {
      anyOf: [
        { required: ['encrypt'] },
        { required: ['decrypt'] },
        { required: ['passthrough'], properties: { passthrough: { const: true } } },
      ],
    },
  ],
  'frequent rotation is meant': [
    'topics/[]/encrypt/rotate',
    {
      if: {
        anyOf: [
          { required: ['maxAge'], properties: { maxAge: brief } },
          { required: ['maxMessages'], properties: { maxMessages: few } },
          { required: ['maxBytes'], properties: { maxBytes: small } },
        ],
      },
      then: consent,
    },
  ],
  'a provisioned DEK is not renewed': [
    'topics/[]/encrypt',
    {
      if: { required: ['provisionedDek'] },
      then: { properties: { onKmsOutage: false, rotate: { properties: { prefetch: false } } } },
    },
  ],
}
