import type { EditValue } from './edit.js'

/** How a file is written, as far as new parts have to look like the rest. */
export interface Style {
  readonly isJson: boolean
  readonly eol: '\n' | '\r\n'
  /** One level of indentation. */
  readonly indent: string
  readonly quote: '"' | "'"
}

export function styleOf(source: string): Style {
  const [indent = '  '] = /^(?: {1,8}|\t)(?=\S)/m.exec(source) ?? []
  const count = (quote: string): number => source.split(quote).length
  return {
    isJson: isJson(source),
    eol: source.includes('\r\n') ? '\r\n' : '\n',
    indent,
    quote: count("'") > count('"') ? "'" : '"',
  }
}

/** A value in one line. */
export function inline(value: EditValue, style: Style): string {
  if (isList(value)) return `[${value.map((item) => inline(item, style)).join(', ')}]`
  if (isObject(value)) {
    const members = Object.entries(value).map(([name, each]) => member(name, each, style))
    if (members.length === 0) return '{}'
    return style.isJson ? `{${members.join(', ')}}` : `{ ${members.join(', ')} }`
  }
  return typeof value === 'string' ? textOf(value, style) : String(value)
}

/** A member in one line. */
export function member(name: string, value: EditValue, style: Style): string {
  return `${nameOf(name, style)}: ${inline(value, style)}`
}

/** The lines of a member in YAML, without the indentation of the first. */
export function memberLines(name: string, value: EditValue, style: Style): string[] {
  if (isObject(value) && Object.keys(value).length > 0) {
    const lines = Object.entries(value).flatMap(([each, inner]) => memberLines(each, inner, style))
    return [`${nameOf(name, style)}:`, ...lines.map((line) => style.indent + line)]
  }
  if (isList(value) && value.some((item) => isObject(item) || isList(item))) {
    return [
      `${nameOf(name, style)}:`,
      ...value.flatMap((item) => itemLines(item, style)).map((line) => style.indent + line),
    ]
  }
  return [member(name, value, style)]
}

/** The lines of an item of a list in YAML, without the indentation of the first. */
export function itemLines(value: EditValue, style: Style): string[] {
  const lines = isObject(value)
    ? Object.entries(value).flatMap(([name, each]) => memberLines(name, each, style))
    : []
  if (lines.length === 0) return [`- ${inline(value, style)}`]
  return lines.map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`))
}

/** The same text in the file: a reference to a variable would be replaced when the file is read. */
export function literal(text: string): string {
  return text.replaceAll('${', () => '$${')
}

/** @param quote that of the text which is replaced */
export function textOf(text: string, { isJson, quote }: Pick<Style, 'isJson' | 'quote'>): string {
  const escaped = literal(text)
  if (isJson) return JSON.stringify(escaped)
  if (isPlain(escaped)) return escaped
  const isSimple = /^[ -~]*$/.test(escaped) && !escaped.includes("'")
  return quote === "'" && isSimple ? `'${escaped}'` : JSON.stringify(escaped)
}

function nameOf(name: string, { isJson }: Style): string {
  const isNumber = /^(?:0|[1-9][0-9]{0,9})$/.test(name)
  return !isJson && (isNumber || isPlain(name)) ? name : JSON.stringify(name)
}

/** Text that needs no quotes, wherever it stands. */
function isPlain(text: string): boolean {
  return /^[A-Za-z_][\w./-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
}

function isJson(source: string): boolean {
  try {
    JSON.parse(source)
    return true
  } catch {
    return false
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, EditValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: EditValue): value is readonly EditValue[] {
  return Array.isArray(value)
}
