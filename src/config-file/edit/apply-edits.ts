import { isDeepStrictEqual } from 'node:util'
import type { Document } from 'yaml'
import { parse } from '../parse.js'
import type { Edit, EditPath, EditValue } from './edit.js'
import { isObject, literal, styleOf } from './render.js'
import { NotEditable, splice } from './splice.js'

/**
 * The text of a configuration file with changes. Only the text of what changes is written: comments, order, quoting, line
 * ends and anchors of the rest stay.
 * @throws NotEditable if that is not possible, such as for what an alias stands for
 */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  let text = source
  for (const edit of edits) {
    const { document } = parse(text)
    if (document === undefined) throw new NotEditable('it is no YAML')
    const changed = splice(text, document, edit, styleOf(text))
    // Whatever the text is like, the file says afterwards what it said before, and this one change.
    if (!says(changed, withEdit(valueOf(document), edit))) {
      throw new NotEditable(`${edit.path.join('.')} is written in a way that a program cannot change`)
    }
    text = changed
  }
  return text
}

function says(text: string, expected: unknown): boolean {
  const { document } = parse(text)
  try {
    return document !== undefined && isDeepStrictEqual(valueOf(document), expected)
  } catch {
    // An alias may have lost its anchor.
    return false
  }
}

/** As the file has it, with references to variables. */
function valueOf(document: Document.Parsed): unknown {
  // The file was checked before: its aliases do not expand to more than a file may have.
  return document.toJS({ maxAliasCount: -1 })
}

function withEdit(value: unknown, edit: Edit): unknown {
  return change(value, edit.path, edit)
}

function change(value: unknown, path: EditPath, edit: Edit): unknown {
  const [key, ...rest] = path
  if (key === undefined) {
    if ('set' in edit) return written(edit.set)
    const appended = 'append' in edit ? [written(edit.append)] : []
    return [...(Array.isArray(value) ? (value as unknown[]) : []), ...appended]
  }
  if (typeof key === 'number' && rest.length === 0 && 'remove' in edit) {
    return Array.isArray(value) ? value.toSpliced(key, 1) : undefined
  }
  if (typeof key === 'number') {
    return Array.isArray(value) ? value.with(key, change(value[key], rest, edit)) : undefined
  }
  const object = isObject(value) ? value : {}
  return { ...object, [key]: change(Object.hasOwn(object, key) ? object[key] : undefined, rest, edit) }
}

function written(value: EditValue): unknown {
  if (typeof value === 'string') return literal(value)
  if (Array.isArray(value)) return value.map((item: EditValue) => written(item))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, written(each)]))
}
