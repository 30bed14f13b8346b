import { isAlias, isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import type { ConfigIssue } from '../errors.js'
import { child, ROOT } from '../config/paths.js'
import { nameOf } from './name-of.js'
import type { Parsed, Place } from './parse.js'
import { substitute, type Environment } from './substitute.js'

/** A text of the file with references to variables, and those variables whose values begin or end with white space. */
export interface Template {
  readonly template: string
  readonly padded: readonly string[]
}

/** Limit of the values in a file once its aliases are expanded. A YAML bomb has millions. */
const MAX_VALUES = 50_000
const MAX_DEPTH = 32

/**
 * Reads a document as JSON would, with environment variables in its texts. Refuses tags, names that are not text,
 * duplicate names in an object, and endless aliases.
 */
export class Reader {
  readonly issues: ConfigIssue[] = []
  /** The place of each value, by its path. */
  readonly places = new Map<string, Place>()
  /** The texts of the file that have references to variables, by path. */
  readonly templates = new Map<string, Template>()
  readonly #placeOf: Parsed['placeOf']
  readonly #environment: Environment
  readonly #anchors = new Map<string, unknown>()
  readonly #inside = new Set<unknown>()
  #values = 0

  constructor(placeOf: Parsed['placeOf'], environment: Environment) {
    this.#placeOf = placeOf
    this.#environment = environment
  }

  read(node: unknown, path: string = ROOT): unknown {
    if (this.#values++ === MAX_VALUES) this.#report(path, node, 'the file has too many values')
    if (this.#values > MAX_VALUES) return undefined
    // A name without a value, as in `? name`.
    if (node === null) return null
    this.#mark(path, node)
    if (isAlias(node)) return this.#target(node.source, node, path)
    const { anchor, tag } = node as { anchor?: string; tag?: string }
    if (anchor !== undefined) this.#anchors.set(anchor, node)
    if (tag !== undefined) this.#report(path, node, 'tags are not supported')
    if (isScalar(node)) return typeof node.value === 'string' ? this.#text(node.value, path) : node.value
    if (this.#inside.size === MAX_DEPTH) {
      this.#report(path, node, 'is nested too deeply')
      return undefined
    }
    this.#inside.add(node)
    const value = isMap(node)
      ? this.#object(node, path)
      : isSeq(node)
        ? node.items.map((item, i) => this.read(item, child(path, i)))
        : null
    this.#inside.delete(node)
    return value
  }

  #target(anchor: string, alias: unknown, path: string): unknown {
    const target = this.#anchors.get(anchor)
    if (target === undefined || this.#inside.has(target)) {
      this.#report(
        path,
        alias,
        target ? 'this alias refers to itself' : 'no anchor of this name before this alias',
      )
      return undefined
    }
    return this.read(target, path)
  }

  #object(map: YAMLMap, path: string): object {
    const object = {}
    for (const { key, value } of map.items) {
      const name = nameOf(key)
      if (name === undefined) {
        this.#report(path, key, 'names must be text')
        continue
      }
      const at = child(path, name)
      this.#mark(at, key)
      if (Object.hasOwn(object, name)) this.#report(at, key, 'duplicate name')
      // Not by assignment: until it is refused, `__proto__` is a name like any other.
      Object.defineProperty(object, name, {
        value: this.read(value, at),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
    return object
  }

  #text(template: string, path: string): string {
    const { text, mistakes, padded } = substitute(template, this.#environment)
    if (text !== template) this.templates.set(path, { template, padded })
    for (const message of mistakes) this.issues.push({ path, message, ...this.places.get(path) })
    return text
  }

  /** Keeps the first place, which is the name of a member, or an alias. */
  #mark(path: string, node: unknown): void {
    const offset = (node as { range?: readonly [number, ...number[]] }).range?.[0]
    if (offset !== undefined && !this.places.has(path)) this.places.set(path, this.#placeOf(offset))
  }

  #report(path: string, node: unknown, message: string): void {
    const offset = (node as { range?: readonly [number, ...number[]] }).range?.[0]
    this.issues.push({ path, message, ...(offset === undefined ? {} : this.#placeOf(offset)) })
  }
}
