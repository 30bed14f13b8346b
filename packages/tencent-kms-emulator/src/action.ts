import * as v from 'valibot'

import { requireGrant, type EmulatorCredential } from './access.js'
import type { OpenCall } from './calls.js'
import type { Cmk } from './cmk.js'
import { lists } from './codes.js'
import type { Keys } from './keys.js'
import { Refusal } from './refusal.js'

/** Members of `Response`, RequestId aside. */
export type Answer = Readonly<Record<string, unknown>>

/** An authenticated request for an action. */
export class ActionCall {
  readonly keys: Keys
  readonly region: string
  readonly #action: string
  readonly #caller: EmulatorCredential
  readonly #log: OpenCall

  constructor(from: {
    readonly keys: Keys
    readonly region: string
    readonly action: string
    readonly caller: EmulatorCredential
    readonly log: OpenCall
  }) {
    this.keys = from.keys
    this.region = from.region
    this.#action = from.action
    this.#caller = from.caller
    this.#log = from.log
  }

  /**
   * The CMK, if the caller is allowed to do this to it. Only then does the answer reveal whether it exists.
   *
   * @throws Refusal UnauthorizedOperation, InvalidParameterValue.InvalidKeyId, ResourceUnavailable.CmkNotFound
   */
  cmk(keyId: string): Cmk {
    this.#log.keyId ??= keyId
    requireGrant(this.#caller, this.#action, keyId)
    return this.keys.get(keyId, this.region)
  }

  /** @throws Refusal UnauthorizedOperation if the caller cannot do this without naming a key */
  requireGeneral(): void {
    requireGrant(this.#caller, this.#action, undefined)
  }

  /**
   * The context as it is authenticated; '' if the request has none.
   *
   * @throws Refusal InvalidParameter if it is not a JSON object of strings
   */
  context(text: string | undefined): string {
    if (text === undefined || text === '') return ''
    this.#log.encryptionContext ??= text
    if (!isContext(text)) {
      throw new Refusal('InvalidParameter', 'The encryption context is not a JSON object of strings.')
    }
    return text
  }
}

/** Calls per second and region. */
export interface ActionQuota {
  readonly perSecond: number
  /** The family of actions that share it. An action without a family has its own. */
  readonly family?: string
}

/** One action of the API. */
export interface Action {
  readonly name: string
  readonly quota: ActionQuota
  /** Its parameters, by name. */
  readonly parameters: v.ObjectEntries
  /** @throws Refusal */
  run(call: ActionCall, parameters: unknown): Answer
}

type Schema = v.StrictObjectSchema<v.ObjectEntries, undefined>

/** An action, from a row: its parameters, and its function. */
export function action<S extends Schema>(row: {
  readonly name: string
  /** The vendor's default; 100 per second if absent. */
  readonly quota?: ActionQuota
  readonly parameters: S
  readonly run: (parameters: v.InferOutput<S>, call: ActionCall) => Answer
}): Action {
  return {
    name: row.name,
    quota: row.quota ?? { perSecond: 100 },
    parameters: row.parameters.entries,
    run: (call, parameters) => row.run(parsed(row.name, row.parameters, parameters), call),
  }
}

const NO_CLUSTER = 'InvalidParameterValue.InvalidHsmClusterId'

/** @throws Refusal UnknownParameter, MissingParameter, InvalidParameter, and InvalidHsmClusterId if `name` lists it */
function parsed<S extends Schema>(name: string, schema: S, parameters: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, parameters)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue) ?? 'the body'
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    throw new Refusal('UnknownParameter', `The parameter ${path} is unknown.`)
  }
  if (issue.type === 'strict_object' && issue.received === 'undefined') {
    throw new Refusal('MissingParameter', `The parameter ${path} is missing.`)
  }
  if (path === 'HsmClusterId' && lists(name, NO_CLUSTER)) {
    throw new Refusal(NO_CLUSTER, 'This emulator has no HSM clusters.')
  }
  // Does not repeat the received value, which may be a plaintext.
  throw new Refusal('InvalidParameter', `The parameter ${path} is invalid.`)
}

function isContext(text: string): boolean {
  try {
    return v.is(v.record(v.string(), v.string()), JSON.parse(text)) && !text.trimStart().startsWith('[')
  } catch {
    return false
  }
}

/** An empty string counts as a parameter that was not given. */
export function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

/** A whole number of a range, both ends included. */
export function integer(min: number, max: number): v.GenericSchema<number> {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max))
}

/** "At most 1,024 characters." */
export const contextText = v.optional(
  v.pipe(
    v.string(),
    v.check((text) => Array.from(text).length <= 1024),
  ),
)

/** Decrypt says instead: "at most 1,024 bytes." */
export const contextBytes = v.optional(
  v.pipe(
    v.string(),
    v.check((text) => Buffer.byteLength(text) <= 1024),
  ),
)

/** Parameters for features that the emulator does not have: HSM clusters, member accounts. They may be empty. */
export const NOT_HERE = {
  HsmClusterId: v.optional(v.literal('')),
  MemberAccount: v.optional(
    v.pipe(
      v.record(v.string(), v.unknown()),
      v.check((account) => Object.keys(account).length === 0),
    ),
  ),
  MemberAccounts: v.optional(v.pipe(v.array(v.unknown()), v.length(0))),
} as const

/** The action itself decides what to do about a key that is given twice. */
export const tags = v.optional(v.array(v.strictObject({ TagKey: v.string(), TagValue: v.string() })))
