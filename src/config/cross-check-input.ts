import type { ConfigIssue } from '../errors.js'
import { asArray, asRecord, type UnknownRecord } from './untyped.js'
import type { Show } from './paths.js'

/* The input of cross-checks, and helpers to read it. */

export interface RuleAt {
  readonly rule: UnknownRecord
  readonly path: string
}

export interface OverrideAt {
  readonly override: UnknownRecord
  readonly path: string
}

export interface CrossCheckInput {
  readonly kms: UnknownRecord
  readonly cmks: UnknownRecord
  readonly dictionaries: UnknownRecord
  readonly rules: readonly RuleAt[]
  readonly overrides: readonly OverrideAt[]
  readonly hasZstd: boolean
  /** In ms since 1970. */
  readonly nowMs: number
  readonly show: Show
}

export type CrossCheck = (config: CrossCheckInput) => Iterable<ConfigIssue>

/** Keeps the names literal. With generators, the declarations would contain an `any`. */
export function table<Name extends string>(
  rows: Readonly<Record<Name, CrossCheck>>,
): Readonly<Record<Name, CrossCheck>> {
  return rows
}

export function textsOf(value: unknown): string[] {
  return asArray(value).filter((text) => typeof text === 'string')
}

export function textEntries(context: unknown): [string, string][] {
  return Object.entries(asRecord(context)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
}
