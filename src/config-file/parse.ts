import { LineCounter, parseAllDocuments, type Document } from 'yaml'
import type { ConfigIssue } from '../errors.js'
import { ROOT } from '../config/paths.js'

/** Counted from 1, as in editors. */
export interface Place {
  readonly line: number
  readonly column: number
}

export interface Parsed {
  /** Undefined if the text is not YAML. */
  readonly document: Document.Parsed | undefined
  readonly issues: readonly ConfigIssue[]
  /** The place of an offset in the text. */
  readonly placeOf: (offset: number) => Place
}

/** An indent: white space and the indicators of items and names, at the start of a line. */
const TOO_DEEP = /^[ \t?:-]{256}/m

/** Parses one document of YAML 1.2 with its core schema, which includes JSON: `yes` is text, `010` is ten. */
export function parse(source: string): Parsed {
  const lineCounter = new LineCounter()
  const placeOf = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const refused = (...mistakes: (readonly [message: string, offset: number])[]): Parsed => ({
    document: undefined,
    issues: mistakes.map(([message, offset]) => ({ path: ROOT, message, ...placeOf(offset) })),
    placeOf,
  })
  // The parser builds a regular expression from an indent. An indent of 100,000 columns would end the process.
  const indent = TOO_DEEP.exec(source)
  if (indent) {
    const line = source.slice(0, indent.index).split('\n').length
    const issue = { path: ROOT, message: 'the file is nested too deeply', line, column: 1 }
    return { document: undefined, issues: [issue], placeOf }
  }
  const documents = parseAllDocuments(source, {
    version: '1.2',
    schema: 'core',
    lineCounter,
    prettyErrors: false,
    // `Reader` checks this, in less than quadratic time.
    uniqueKeys: false,
  })
  const [document, second] = documents
  const faults = [...documents].flatMap(({ errors, warnings }) => [...errors, ...warnings])
  // The parser recurses as deep as the text is nested, and reports it if the stack overflows.
  const tooDeep = faults.find(({ message }) => message.includes('call stack'))
  if (tooDeep) return refused(['the file is nested too deeply', tooDeep.pos[0]])
  if (faults.length > 0) {
    return refused(...faults.map(({ message, pos }) => [message, pos[0]] as const))
  }
  if (document?.contents == null) return refused(['the file is empty', 0])
  if (second) return refused(['expected one document', second.range[0]])
  // `%YAML 1.1` would make `yes` true.
  if (document.directives.yaml.explicit) return refused(['expected no %YAML directive', 0])
  return { document, issues: [], placeOf }
}
