import ts from 'typescript'
import { isNode, mapChildren, type SchemaNode } from './node.js'

const SOURCE = 'src/config/config.ts'

/**
 * Gives each member in a schema the words of its docstring in `config.ts`, so that editors of files and of code
 * say the same.
 * @throws where the schema and the types do not have the same members, or one has no docstring
 */
export function described(schema: SchemaNode): SchemaNode {
  const program = ts.createProgram([SOURCE], { strict: true, skipLibCheck: true, noEmit: true })
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(SOURCE)
  const found = file?.statements.find((s) => ts.isInterfaceDeclaration(s) && s.name.text === 'ConfigFile')
  if (!found) throw new Error(`no ConfigFile in ${SOURCE}`)

  const describe = (node: SchemaNode, type: ts.Type, path: string): SchemaNode => {
    const parts = type.isUnion() ? type.types : [type]
    if (node.properties) {
      const names = Object.keys(node.properties)
      const object = parts.find((part) => names.every((name) => part.getProperty(name)))
      const extra = object?.getProperties().filter(({ name }) => !names.includes(name)) ?? []
      if (!object || extra.length > 0) throw new Error(`${path}: types and schema differ in members`)
      return mapChildren(node, (child, name) => {
        const member = object.getProperty(name) as ts.Symbol
        const text = ts
          .displayPartsToString(member.getDocumentationComment(checker))
          .replaceAll(/\s*\n\s*/g, ' ')
        if (text === '') throw new Error(`${path}.${name} has no docstring`)
        const memberType = checker.getNonNullableType(checker.getTypeOfSymbol(member))
        return Object.assign(
          { description: words(text, child) },
          withoutDescription(describe(child, memberType, `${path}.${name}`)),
        )
      })
    }
    return mapChildren(node, (child, key) => {
      const inner = key === '|' ? type : elementType(parts)
      if (!inner) throw new Error(`${path}: types and schema differ`)
      return describe(child, inner, `${path}/${key}`)
    })
  }

  /** Of lists and of objects by name. */
  function elementType(parts: readonly ts.Type[]): ts.Type | undefined {
    return parts
      .map((part) => part.getStringIndexType() ?? part.getNumberIndexType())
      .find((inner) => inner !== undefined)
  }

  return describe(schema, checker.getTypeAtLocation(found), 'ConfigFile')
}

/** A docstring, what the schema says of the value, and the default where the docstring is of several members. */
function words(docstring: string, { description = '', default: fallback }: SchemaNode): string {
  const says = ['number', 'string'].includes(typeof fallback) && !/default/i.test(docstring)
  return [docstring, description, says ? `Default ${String(fallback)}.` : ''].filter(Boolean).join(' ')
}

function withoutDescription({ description: _, ...node }: SchemaNode): SchemaNode {
  return node
}

export interface SchemaMember {
  readonly path: string
  readonly node: SchemaNode
  /** `alternative`: one of several, exactly one of which is there. */
  readonly presence: 'required' | 'optional' | 'alternative'
}

/** Each member in a schema, by its path: `topics[].encrypt.cmk`, `cmks.NAME[].id`. */
export function memberPaths(node: SchemaNode, path = ''): SchemaMember[] {
  const { properties = {}, items, additionalProperties, anyOf = [] } = node
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
    // Of an object that has members they are relations.
    ...(node.properties ? [] : anyOf.flatMap((option) => memberPaths(option, path))).map(
      (member): SchemaMember => ({ ...member, presence: 'alternative' }),
    ),
  ]
}
