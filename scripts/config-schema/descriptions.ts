import ts from 'typescript'
import { isNode, mapChildren, type SchemaNode } from './node.js'

const SOURCE = 'src/config-file/config-file.ts'

/**
 * Gives each member in a schema the text of its docstring in its type, so that editors show the same text for files
 * and for code.
 * @throws if the schema and the types do not have the same members, or one has no docstring
 */
export function described(schema: SchemaNode): SchemaNode {
  const program = ts.createProgram([SOURCE], { strict: true, skipLibCheck: true, noEmit: true })
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(SOURCE)
  const found = file?.statements.find((s) => ts.isInterfaceDeclaration(s) && s.name.text === 'ConfigFile')
  if (!found) throw new Error(`no ConfigFile in ${SOURCE}`)

  const describe = (node: SchemaNode, types: readonly ts.Type[], path: string): SchemaNode => {
    if (node.properties) {
      const names = Object.keys(node.properties)
      const members = membersOf(types, names)
      const missing = names.filter((name) => !members.has(name))
      if (missing.length > 0) throw new Error(`${path}: the types have no ${missing.join(', ')}`)
      return mapChildren(node, (child, name) => {
        const symbols = members.get(name) ?? []
        const text = symbols.map(docstringOf).find((words) => words !== '')
        if (text === undefined) throw new Error(`${path}.${name} has no docstring`)
        const inner = symbols.flatMap((symbol) => alternatives(checker.getTypeOfSymbol(symbol)))
        return Object.assign(
          { description: words(text, child) },
          withoutDescription(describe(child, inner, `${path}.${name}`)),
        )
      })
    }
    return mapChildren(node, (child, key) => {
      const inner = key === '|' ? types : elementsOf(types)
      if (inner.length === 0) throw new Error(`${path}: the types have no elements`)
      return describe(child, inner, `${path}/${key}`)
    })
  }

  const docstringOf = (symbol: ts.Symbol): string =>
    ts.displayPartsToString(symbol.getDocumentationComment(checker)).replaceAll(/\s*\n\s*/g, ' ')

  return describe(schema, [checker.getTypeAtLocation(found)], 'ConfigFile')
}

/** The types of a union. */
function alternatives(type: ts.Type): readonly ts.Type[] {
  return type.isUnion() ? type.types : [type]
}

/** The members of those objects, among the types, that have no other members. */
function membersOf(types: readonly ts.Type[], names: readonly string[]): Map<string, ts.Symbol[]> {
  const members = new Map<string, ts.Symbol[]>()
  for (const type of types) {
    const properties = type.flags & ts.TypeFlags.Object ? type.getProperties() : []
    if (properties.some(({ name }) => !names.includes(name))) continue
    for (const symbol of properties) members.set(symbol.name, [...(members.get(symbol.name) ?? []), symbol])
  }
  return members
}

/** Items of lists, and values of objects by name. */
function elementsOf(types: readonly ts.Type[]): readonly ts.Type[] {
  return types.flatMap((type) => {
    const inner = type.getStringIndexType() ?? type.getNumberIndexType()
    return inner ? alternatives(inner) : []
  })
}

/** A docstring, what the schema says about the value, and the default if several members share the docstring. */
function words(docstring: string, { description = '', default: fallback }: SchemaNode): string {
  const says = ['number', 'string'].includes(typeof fallback) && !/default/i.test(docstring)
  return [docstring, description, says ? `Default ${String(fallback)}.` : ''].filter(Boolean).join(' ')
}

function withoutDescription({ description: _, ...node }: SchemaNode): SchemaNode {
  return node
}

export interface SchemaMember {
  /** Alternatives that one of their members tells apart have its value in their path: `kms.NAME(local).keyring`. */
  readonly path: string
  readonly node: SchemaNode
  /** `alternative`: exactly one of several members must be present. */
  readonly presence: 'required' | 'optional' | 'alternative'
}

/** Each member in a schema, by its path: `topics[].encrypt.cmk`, `cmks.NAME[].id`. */
export function memberPaths(node: SchemaNode, path = ''): SchemaMember[] {
  const { properties = {}, items, additionalProperties, anyOf = [] } = node
  const objects = anyOf.filter((option) => option.properties !== undefined)
  return [
    ...Object.entries(properties).flatMap(([name, child]): SchemaMember[] => {
      if (!isNode(child)) return []
      const at = path === '' ? name : `${path}.${name}`
      return [
        { path: at, node: child, presence: node.required?.includes(name) === true ? 'required' : 'optional' },
        ...memberPaths(child, at),
      ]
    }),
    ...(items ? memberPaths(items, `${path}[]`) : []),
    ...(isNode(additionalProperties) ? memberPaths(additionalProperties, `${path}.NAME`) : []),
    ...objects.flatMap((option) => {
      const selected = selectedBy(option)
      if (selected !== undefined) return memberPaths(option, `${path}(${selected})`)
      const members = memberPaths(option, path)
      return objects.length === 1
        ? members
        : members.map((member) => ({ ...member, presence: 'alternative' }) as const)
    }),
  ]
}

/** The members that tell alternatives apart. */
const DISCRIMINATORS = ['provider', 'method', 'type'] as const

/** The values that select an alternative. */
function selectedBy({ properties = {} }: SchemaNode): string | undefined {
  for (const name of DISCRIMINATORS) {
    const node = properties[name]
    const values = isNode(node) ? (node.enum ?? node.anyOf?.[0]?.enum) : undefined
    if (values) return values.join(' or ')
  }
  return undefined
}
