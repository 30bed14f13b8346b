import { isDeepStrictEqual } from 'node:util'
import type { Document } from 'yaml'
import { parse } from '../parse.js'
import type { Edit, EditPath, EditValue } from './edit.js'
import { isObject, literal, styleOf } from './render.js'
import { NotEditable, spliceOf, type Splice } from './splice.js'

/**
 * The text of a configuration file with changes. Only the text of what changes is written: comments, order, quoting, line
 * ends and anchors of the rest stay.
 * @throws NotEditable if that is not possible, such as for what an alias stands for
 */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  let text = source
  for (let left = edits; left.length > 0;) {
    const { document } = parse(text)
    if (document === undefined) throw new NotEditable('it is no YAML')
    const splices = firstSplices(text, document, left)
    const made = left.slice(0, splices.length)
    const changed = spliced(text, splices)
    // Whatever the text is like, the file says afterwards what it said before, and these changes.
    if (!says(changed, made.reduce(withEdit, valueOf(document)))) {
      const paths = made.map(({ path }) => path.join('.'))
      throw new NotEditable(`${paths.join(', ')}: written in a way that a program cannot change`)
    }
    text = changed
    left = left.slice(splices.length)
  }
  return text
}

/** Of the first edit, and of those behind it that only replace other parts of the text, too: parsing takes long. */
function firstSplices(text: string, document: Document.Parsed, [first, ...rest]: readonly Edit[]): Splice[] {
  if (first === undefined) return []
  const style = styleOf(text)
  const splices = [spliceOf(text, document, first, style)]
  for (const edit of rest) {
    // Others may go on from what those before them write.
    if (splices.at(-1)?.isReplacement !== true) break
    const splice = replacementOf(() => spliceOf(text, document, edit, style))
    if (splice === undefined || splices.some(({ from, to }) => from < splice.to && splice.from < to)) break
    splices.push(splice)
  }
  return splices
}

function replacementOf(make: () => Splice): Splice | undefined {
  try {
    const splice = make()
    return splice.isReplacement === true ? splice : undefined
  } catch (error) {
    if (error instanceof NotEditable) return undefined
    throw error
  }
}

function spliced(source: string, splices: readonly Splice[]): string {
  let text = source
  for (const splice of splices.toSorted((a, b) => b.from - a.from))
    text = text.slice(0, splice.from) + splice.text + text.slice(splice.to)
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
