import type { ConfigIssue } from '../errors.js'
import { list, members, type Members } from './untyped.js'
import type { Show } from './paths.js'

/** What a relation between parts of a configuration is given, and helpers to look into it. */

export interface RuleAt {
  readonly rule: Members
  readonly path: string
}

export interface CrossCheckInput {
  readonly kms: Members
  readonly cmks: Members
  readonly rules: readonly RuleAt[]
  readonly hasZstd: boolean
  readonly show: Show
}

export type Relation = (config: CrossCheckInput) => Iterable<ConfigIssue>

/** Names stay literal; declarations of generators would have an `any`. */
export function table<Name extends string>(
  rows: Readonly<Record<Name, Relation>>,
): Readonly<Record<Name, Relation>> {
  return rows
}

export function textsOf(value: unknown): string[] {
  return list(value).filter((text) => typeof text === 'string')
}

export function textEntries(context: unknown): [string, string][] {
  return Object.entries(members(context)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
}
