import { memberPaths, type SchemaMember } from './descriptions.js'
import type { SchemaNode } from './node.js'

const START = '<!-- Members: written by npm run schema -->'
const END = '<!-- End of members -->'

const PRESENCE: Record<SchemaMember['presence'], string> = {
  required: ', required',
  optional: '',
  alternative: ', one of these',
}

/** Returns a page of documentation with an updated list of all members between its two marks. */
export function withMembers(page: string, schema: SchemaNode): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)]
  if (start < 0 || end < start) throw new Error(`the page has no ${START} before ${END}`)
  return `${page.slice(0, start + START.length)}\n\n${lists(schema)}\n\n${page.slice(end)}`
}

function lists(schema: SchemaNode): string {
  const groups = new Map<string, string[]>()
  for (const { path, node, presence } of memberPaths(schema)) {
    const at = path.lastIndexOf('.')
    const parent = path.slice(0, Math.max(at, 0))
    const line = `- \`${path.slice(at + 1)}\`${PRESENCE[presence]}: ${node.description ?? ''}`
    groups.set(parent, [...(groups.get(parent) ?? []), line])
  }
  return [...groups]
    .map(([parent, lines]) => [`### ${titleOf(parent)}`, '', ...lines].join('\n'))
    .join('\n\n')
}

/** `kms.NAME(vault).auth(token)` is the `auth` of a KMS in Vault, with a token. */
function titleOf(parent: string): string {
  if (parent === '') return 'The file'
  const selected = [...parent.matchAll(/\(([^)]*)\)/g)].map(([, values = '']) =>
    values.replaceAll(/\S+/g, (word) => (word === 'or' ? word : `\`${word}\``)),
  )
  const path = `\`${parent.replaceAll(/\([^)]*\)/g, '')}\``
  return selected.length === 0 ? path : `${path} with ${selected.join(', ')}`
}
