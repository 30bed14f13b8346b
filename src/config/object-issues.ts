import * as v from 'valibot'
import type { ConfigIssue } from '../errors.js'
import { asArray, isRecord, type UnknownRecord } from './untyped.js'
import { child, type Show } from './paths.js'

/*
 * Finds all mistakes in the objects of a configuration. Valibot reports only the first unknown member, accepts a list as
 * an object, and drops names with a special meaning in JavaScript.
 */

/** The types of Valibot schemas whose issues this module reports. */
export const OBJECTS: ReadonlySet<string> = new Set(['strict_object', 'record'])

type Schema = v.GenericSchema & {
  readonly message?: unknown
  readonly entries?: Readonly<Record<string, Schema>>
  readonly wrapped?: Schema
  readonly item?: Schema
  readonly value?: Schema
  readonly key?: unknown
  readonly options?: readonly unknown[]
  readonly literal?: unknown
}

/** Names with a special meaning in JavaScript; objects that have them are not copied faithfully. */
export const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

export function* objectIssues(
  schema: v.GenericSchema,
  input: unknown,
  path: string,
  show: Show,
): Iterable<ConfigIssue> {
  const { type, entries, wrapped, item, value }: Schema = schema
  const chosen = type === 'variant' ? chosenOption(schema, input) : undefined
  if (wrapped) {
    if (input !== undefined) yield* objectIssues(wrapped, input, path, show)
  } else if (item) {
    for (const [i, each] of asArray(input).entries()) yield* objectIssues(item, each, child(path, i), show)
  } else if (chosen) {
    yield* objectIssues(chosen, input, path, show)
  } else if (OBJECTS.has(type) && !isRecord(input)) {
    yield { path, message: describeMismatch(expectation(schema), path, input, show) }
  } else if (entries) {
    yield* ofObject(entries, input as UnknownRecord, path, show)
  } else if (type === 'record' && value) {
    for (const [key, each] of Object.entries(input as UnknownRecord)) {
      if (RESERVED.has(key)) yield { path: child(path, key), message: 'this name cannot be used here' }
      else yield* objectIssues(value, each, child(path, key), show)
    }
  }
}

/** The option of a variant that an object selects by its discriminator. Valibot reports it if there is none. */
function chosenOption({ key, options = [] }: Schema, input: unknown): Schema | undefined {
  if (typeof key !== 'string' || !isRecord(input)) return undefined
  return (options as readonly Schema[]).find(({ entries }) => {
    const { literal, options: choices } = entries?.[key] ?? {}
    return choices ? choices.includes(input[key]) : literal === input[key]
  })
}

function* ofObject(
  entries: Readonly<Record<string, Schema>>,
  input: UnknownRecord,
  path: string,
  show: Show,
): Iterable<ConfigIssue> {
  for (const [key, entry] of Object.entries(entries)) {
    const at = child(path, key)
    if (input[key] !== undefined) yield* objectIssues(entry, input[key], at, show)
    else if (!entry.wrapped)
      yield { path: at, message: describeMismatch(expectation(entry), at, undefined, show) }
  }
  for (const key of Object.keys(input)) {
    if (Object.hasOwn(entries, key)) continue
    const names = Object.keys(entries).join(', ')
    // The value is not shown: a secret in the wrong place would end up in logs.
    yield { path: child(path, key), message: `unknown member; expected ${names}` }
  }
}

/** States the expected value, and the one found instead if it may be shown. */
export function describeMismatch(expected: string, path: string, input: unknown, show: Show): string {
  if (input === undefined) return `missing; ${expected}`
  const shown = show(path, input)
  return shown === '' ? expected : `${expected}; got ${shown}`
}

function expectation(schema: Schema & { readonly pipe?: readonly Schema[] }): string {
  const { message, entries, pipe } = schema
  const said =
    typeof message === 'function'
      ? v.safeParse(schema, undefined).issues?.[0].message
      : (message ?? pipe?.[0]?.message)
  if (typeof said === 'string') return said
  return entries ? `expected an object of ${Object.keys(entries).join(', ')}` : 'expected a value'
}
