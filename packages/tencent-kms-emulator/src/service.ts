import type { IncomingHttpHeaders } from 'node:http'

import { requireAnyGrant, requireToken, type Access, type EmulatorCredential } from './access.js'
import { ActionCall, type Answer } from './action.js'
import { ACTIONS } from './actions/index.js'
import type { OpenCall } from './calls.js'
import { lists } from './codes.js'
import type { Keys } from './keys.js'
import type { Quotas } from './quotas.js'
import { Refusal } from './refusal.js'
import { requireRegion } from './regions.js'
import { parseAuthorization, verifySignature } from './tc3.js'

const VERSION = '2019-01-18'

/** A complete request. */
export interface WireRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * From a request to the members of `Response`. The order of checks is assumed: form of the request, signature,
 * region, action, quota, access to the action, parameters, access to the key, key.
 */
export class Service {
  readonly #access: Access
  readonly #keys: Keys
  readonly #quotas: Quotas
  readonly #clock: () => number

  constructor(parts: {
    readonly access: Access
    readonly keys: Keys
    readonly quotas: Quotas
    readonly clock: () => number
  }) {
    this.#access = parts.access
    this.#keys = parts.keys
    this.#quotas = parts.quotas
    this.#clock = parts.clock
  }

  /** Records facts about the request in `log`. */
  answer(request: WireRequest, log: OpenCall): Answer {
    try {
      return this.#run(request, log)
    } catch (error) {
      // Anything else is a bug, or a key file that cannot be written; callers do not see its message.
      const { code, message } =
        error instanceof Refusal ? error : new Refusal('InternalError', 'Internal error.')
      log.code = code
      return { Error: { Code: code, Message: message } }
    }
  }

  #run(request: WireRequest, log: OpenCall): Answer {
    requireForm(request)
    const caller = this.#authenticate(request)
    const region = required(request.headers, 'X-TC-Region')
    requireRegion(region)
    const name = required(request.headers, 'X-TC-Action')
    const action = ACTIONS.get(name)
    if (action === undefined) throw new Refusal('InvalidAction', 'The action is unknown.')
    this.#quotas.take(name, region, action.quota)
    requireAnyGrant(caller, name)
    const call = new ActionCall({ keys: this.#keys, region, action: name, caller, log })
    try {
      return action.run(call, parametersOf(request.body))
    } catch (error) {
      // A code that the action does not list is a bug of the emulator, and is shown as one.
      if (error instanceof Refusal && !lists(name, error.code)) {
        throw new Error(`${name} does not list ${error.code}`, { cause: error })
      }
      throw error
    }
  }

  #authenticate(request: WireRequest): EmulatorCredential {
    const { headers } = request
    const timestamp = required(headers, 'X-TC-Timestamp')
    if (!/^\d{1,11}$/.test(timestamp)) {
      throw new Refusal('InvalidParameter', 'X-TC-Timestamp is not a Unix time in seconds.')
    }
    const authorization = parseAuthorization(headers)
    const credential = this.#access.find(authorization.secretId)
    const clock = { timestamp: Number(timestamp), nowMs: this.#clock() }
    verifySignature(request, authorization, credential.secretKey, clock)
    requireToken(credential, header(headers, 'X-TC-Token'))
    return credential
  }
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()]
  return typeof value === 'string' ? value : undefined
}

/** The codes for method and content type are assumed; the vendor takes GET too, with other parameters. */
function requireForm({ method, headers }: WireRequest): void {
  if (method !== 'POST') throw new Refusal('UnsupportedProtocol', 'This emulator takes POST only.')
  if (!/^application\/json *(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new Refusal('InvalidRequest', 'Content-Type must be application/json.')
  }
  required(headers, 'X-TC-Action')
  if (required(headers, 'X-TC-Version') !== VERSION) {
    throw new Refusal('NoSuchVersion', `The only version is ${VERSION}.`)
  }
}

function required(headers: IncomingHttpHeaders, name: string): string {
  const value = header(headers, name)
  if (value === undefined || value === '') throw new Refusal('MissingParameter', `${name} is missing.`)
  return value
}

/** The SDKs send no body if an action takes no parameters. */
function parametersOf(body: Buffer): unknown {
  if (body.length === 0) return {}
  let parameters: unknown
  try {
    parameters = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    // Below.
  }
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) {
    throw new Refusal('InvalidParameter', 'The body is not a JSON object.')
  }
  return parameters
}
