import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  visit,
  type Document,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { child, ROOT } from '../../config/paths.js'
import { nameOf } from '../name-of.js'
import type { Edit, EditPath, EditValue, Removal } from './edit.js'
import { inline, itemLines, member, memberLines, textOf, type Style } from './render.js'

/** A file whose text cannot be changed as asked. */
export class NotEditable extends Error {}

/** A part of a text, and what takes its place. */
export interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
  /** A value takes the place of another one. */
  readonly isReplacement?: true
}

/** One change. Everything else stays as it is, to the byte. */
export function spliceOf(source: string, document: Document.Parsed, edit: Edit, style: Style): Splice {
  if ('remove' in edit) return remove(source, document, edit)
  const { path } = edit
  let node: Node = document.contents as Node
  let at = ROOT
  for (const [i, key] of path.entries()) {
    refuseShared(document, node, at)
    const rest = nested(path.slice(i + 1), edit)
    at = child(at, key)
    if (isMap(node) && typeof key === 'string') {
      const pair = node.items.find((each) => nameOf(each.key) === key)
      if (pair === undefined) return insert(source, node, { name: key, value: rest }, style)
      if (!isNode(pair.value)) throw new NotEditable(`${at} has no value`)
      node = pair.value
    } else if (isSeq(node) && typeof key === 'number') {
      const item = node.items[key]
      if (!isNode(item)) throw new NotEditable(`${at} does not exist`)
      node = item
    } else throw new NotEditable(`${at} has another form than expected`)
    const isLast = i + 1 === path.length
    const isEmpty = isScalar(node) && node.value === null
    if (isEmpty || (isLast && 'set' in edit)) {
      refuseShared(document, node, at)
      return replace(source, node, rest, style)
    }
  }
  refuseShared(document, node, at)
  if (!('append' in edit) || !isSeq(node)) throw new NotEditable(`${at} is not a list`)
  return insert(source, node, { value: edit.append }, style)
}

/** The value of what is missing along a path. */
function nested(path: EditPath, edit: Exclude<Edit, Removal>): EditValue {
  const innermost: EditValue = 'set' in edit ? edit.set : [edit.append]
  return path.reduceRight<EditValue>((inner, key) => ({ [key]: inner }), innermost)
}

function remove(source: string, document: Document.Parsed, { path }: Removal): Splice {
  let [list, item]: [unknown, unknown] = [undefined, document.contents]
  let at = ROOT
  for (const key of path) {
    if (isNode(item)) refuseShared(document, item, at)
    list = item
    item = isMap(list)
      ? list.items.find((each) => nameOf(each.key) === key)?.value
      : isSeq(list) && typeof key === 'number'
        ? list.items[key]
        : undefined
    at = child(at, key)
  }
  if (!isSeq(list) || !isNode(item)) throw new NotEditable(`${at} does not exist`)
  refuseShared(document, item, at)
  if (list.items.length === 1) return emptied(source, list)
  const [from, to] = rangeWithItem(source, list, item)
  return { from, to, text: '' }
}

/** An empty list stands on the line of its name, unless a comment is in between. */
function emptied(source: string, list: YAMLSeq): Splice {
  const [start, to] = [startOf(list), endOf(list)]
  const name = source.slice(0, start).trimEnd()
  if (list.flow !== true && name.endsWith(':')) return { from: name.length, to, text: ' []' }
  return { from: start, to, text: '[]' }
}

/** The text that belongs to an item of a list. Comments between items stay. */
function rangeWithItem(source: string, list: YAMLSeq, item: Node): [from: number, to: number] {
  const i = list.items.indexOf(item)
  if (list.flow === true) {
    const [before, after] = [list.items[i - 1], list.items[i + 1]]
    if (isNode(after)) return [startOf(item), startOf(after)]
    return [isNode(before) ? endOf(before) : startOf(item), endOf(item)]
  }
  const end = endOf(item)
  const lineEnd = source[end - 1] === '\n' ? end - 1 : source.indexOf('\n', end)
  return [lineStart(source, startOf(item)), lineEnd === -1 ? source.length : lineEnd + 1]
}

/** A change of what an alias stands for would change other parts, too. */
function refuseShared(document: Document.Parsed, node: Node, at: string): void {
  if (isAlias(node)) {
    throw new NotEditable(`${at} is an alias, *${node.source}: write out its value there first`)
  }
  const { anchor } = node as { anchor?: string }
  if (anchor === undefined) return
  visit(document, {
    Alias: (_, { source }) => {
      if (source !== anchor) return
      throw new NotEditable(
        `${at} has the anchor &${anchor}, and another part is an alias of it: write out the value there first`,
      )
    },
  })
}

function replace(source: string, node: Node, value: EditValue, style: Style): Splice {
  const [from, to] = [startOf(node), endOf(node)]
  if (from === to) {
    // Nothing stands there but, perhaps, a comment.
    const after = source.slice(0, from).trimEnd().length
    return { from: after, to: after, text: ` ${inline(value, style)}` }
  }
  const isSingle = isScalar(node) && source[from] === "'"
  const isDouble = isScalar(node) && source[from] === '"'
  const quote = isSingle ? "'" : isDouble ? '"' : style.quote
  const text = typeof value === 'string' ? textOf(value, { ...style, quote }) : inline(value, style)
  return { from, to, text, isReplacement: true }
}

interface Addition {
  /** None for an item of a list. */
  readonly name?: string
  readonly value: EditValue
}

/** Adds a member or an item behind the last one. */
function insert(source: string, into: YAMLMap | YAMLSeq, addition: Addition, style: Style): Splice {
  const { name, value } = addition
  const text = name === undefined ? inline(value, style) : member(name, value, style)
  if (into.flow !== true) {
    const lines = name === undefined ? itemLines(value, style) : memberLines(name, value, style)
    return insertLines(source, into, lines, style)
  }
  const end = endOf(into)
  if (into.items.length === 0) {
    const open = startOf(into) + 1
    const space = isMap(into) && !style.isJson ? ' ' : ''
    const isBlank = source.slice(open, end - 1).trim() === ''
    return { from: open, to: isBlank ? end - 1 : open, text: `${space}${text}${isBlank ? space : ''}` }
  }
  const last = endOfItems(into)
  const lineEnd = source.indexOf('\n', last)
  const rest = source.slice(last, Math.max(lineEnd, last))
  const [, comma] = /^[ \t]*(,?)[ \t]*(?:#.*)?\r?$/.exec(rest) ?? []
  if (comma === undefined || lineEnd === -1 || lineEnd >= end)
    return { from: last, to: last, text: `, ${text}` }
  // The closing bracket is on a line of its own, and the last item may have a comment behind it.
  const line = `${indentAt(source, startOfLast(into))}${text}${comma}${style.eol}`
  return { from: last, to: lineEnd + 1, text: `${comma === '' ? ',' : ''}${rest}\n${line}` }
}

function insertLines(
  source: string,
  into: YAMLMap | YAMLSeq,
  lines: readonly string[],
  { eol }: Style,
): Splice {
  const start = startOf(into)
  const indent = ' '.repeat(start - lineStart(source, start))
  const last = endOf(into)
  const lineEnd = source[last - 1] === '\n' ? last - 1 : source.indexOf('\n', last)
  const text = lines.map((line) => indent + line + eol).join('')
  if (lineEnd === -1) return { from: source.length, to: source.length, text: eol + text }
  return { from: lineEnd + 1, to: lineEnd + 1, text }
}

function startOf({ range }: Node): number {
  return range?.[0] ?? 0
}

/** Where the last character of a node is, without comments behind it. */
function endOf(node: Node): number {
  const isBlock = (isMap(node) || isSeq(node)) && node.flow !== true
  return isBlock ? endOfItems(node) : (node.range?.[1] ?? 0)
}

function endOfItems(node: YAMLMap | YAMLSeq): number {
  const last = node.items.at(-1)
  const end = isNode(last) ? last : (last as { value?: unknown; key?: unknown } | undefined)
  if (isNode(end)) return endOf(end)
  if (isNode(end?.value)) return endOf(end.value)
  return isNode(end?.key) ? endOf(end.key) : startOf(node)
}

function startOfLast(node: YAMLMap | YAMLSeq): number {
  const last = node.items.at(-1)
  if (isNode(last)) return startOf(last)
  const key = (last as { key?: unknown } | undefined)?.key
  return isNode(key) ? startOf(key) : startOf(node)
}

function lineStart(source: string, at: number): number {
  return source.lastIndexOf('\n', at - 1) + 1
}

/** The white space with which a line begins. */
function indentAt(source: string, at: number): string {
  const from = lineStart(source, at)
  return /^[ \t]*/.exec(source.slice(from, at))?.[0] ?? ''
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value)
}
