/** A node of a JSON Schema, as far as configuration files need them. */
export interface SchemaNode {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, SchemaNode>>
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly pattern?: string
  readonly patternErrorMessage?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly uniqueItems?: boolean
  readonly items?: SchemaNode
  readonly properties?: Readonly<Record<string, SchemaNode | boolean>>
  readonly required?: readonly string[]
  readonly additionalProperties?: SchemaNode | boolean
  readonly propertyNames?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly allOf?: readonly SchemaNode[]
  readonly not?: SchemaNode
  readonly if?: SchemaNode
  readonly then?: SchemaNode
  readonly else?: SchemaNode
}

export function isNode(value: SchemaNode | boolean | undefined): value is SchemaNode {
  return typeof value === 'object'
}

/** Returns the node with each schema under it replaced. */
export function mapChildren(
  node: SchemaNode,
  replace: (child: SchemaNode, key: string) => SchemaNode,
): SchemaNode {
  const { properties, items, additionalProperties, anyOf } = node
  return {
    ...node,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, child]) => [key, isNode(child) ? replace(child, key) : child]),
      ),
    }),
    ...(items && { items: replace(items, '[]') }),
    ...(isNode(additionalProperties) && { additionalProperties: replace(additionalProperties, '*') }),
    ...(anyOf && { anyOf: anyOf.map((child) => replace(child, '|')) }),
  }
}
