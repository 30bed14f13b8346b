import { timingSafeEqual } from 'node:crypto'

import { EmulatorError } from './errors.js'
import { Refusal } from './refusal.js'

/** Grants actions on keys, as a statement of an access policy does. */
export interface AccessStatement {
  /** `Decrypt`, `kms:Decrypt`, `Describe*` or `*`. */
  readonly actions: readonly string[]
  /**
   * KeyIds, or `*`, the default. Only `*` grants actions without a KeyId (`ListKeys`, `CreateKey`, …).
   */
  readonly keys?: readonly string[]
}

/** A caller's secret id and key, and what they are allowed to do. */
export interface EmulatorCredential {
  readonly secretId: string
  readonly secretKey: string
  /** Of a temporary credential: `X-TC-Token` must be this. Without it, a request must carry no token. */
  readonly token?: string
  /** Everything by default. Anything that no statement grants is denied. */
  readonly allow?: readonly AccessStatement[]
}

const EVERYTHING: readonly AccessStatement[] = [{ actions: ['*'] }]
/** The characters that an `Authorization` header can carry. */
const SECRET_ID = /^[\w.+=-]{1,128}$/

/** The callers and their permissions. */
export class Access {
  #credentials: ReadonlyMap<string, EmulatorCredential> = new Map()

  /** @throws EmulatorError OPTIONS_INVALID for a malformed credential, or a secret id given twice */
  set(credentials: readonly EmulatorCredential[]): void {
    for (const { secretId, secretKey } of credentials) {
      if (!SECRET_ID.test(secretId) || secretKey === '') {
        throw new EmulatorError('OPTIONS_INVALID', 'a credential has no secret key or a malformed secret id')
      }
    }
    const byId = new Map(credentials.map((credential) => [credential.secretId, credential]))
    if (byId.size !== credentials.length) {
      throw new EmulatorError('OPTIONS_INVALID', 'duplicate secret id')
    }
    this.#credentials = byId
  }

  /** @throws Refusal AuthFailure.SecretIdNotFound */
  find(secretId: string): EmulatorCredential {
    const credential = this.#credentials.get(secretId)
    if (credential === undefined) {
      throw new Refusal('AuthFailure.SecretIdNotFound', 'The SecretId is not found.')
    }
    return credential
  }
}

/** @throws Refusal AuthFailure.TokenFailure */
export function requireToken(credential: EmulatorCredential, token: string | undefined): void {
  const expected = Buffer.from(credential.token ?? '')
  const given = Buffer.from(token ?? '')
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) {
    throw new Refusal('AuthFailure.TokenFailure', 'The token is missing or wrong.')
  }
}

/**
 * `keyId` is `undefined` for actions that are not about one key.
 *
 * @throws Refusal UnauthorizedOperation
 */
export function requireGrant(
  { allow = EVERYTHING }: EmulatorCredential,
  action: string,
  keyId: string | undefined,
): void {
  const granted = allow.some(
    ({ actions, keys = ['*'] }) =>
      actions.some((pattern) => matches(pattern, action)) && keys.some((key) => key === '*' || key === keyId),
  )
  if (!granted) throw new Refusal('UnauthorizedOperation', `No policy grants kms:${action} on this resource.`)
}

/** @throws Refusal UnauthorizedOperation if the action is not granted on any key */
export function requireAnyGrant({ allow = EVERYTHING }: EmulatorCredential, action: string): void {
  if (!allow.some(({ actions }) => actions.some((pattern) => matches(pattern, action)))) {
    throw new Refusal('UnauthorizedOperation', `No policy grants kms:${action}.`)
  }
}

function matches(pattern: string, action: string): boolean {
  const name = pattern.replace(/^kms:/, '')
  return name.endsWith('*') ? action.startsWith(name.slice(0, -1)) : name === action
}
