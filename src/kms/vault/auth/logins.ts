import { isEnvelopeError } from '../../../errors.js'
import type { Lease } from '../responses.js'
import type { VaultService } from '../service.js'
import { isRefusedToken } from '../failures.js'
import { readSecret } from './secret-file.js'

/** A way to get tokens. */
export interface Logins {
  login(signal: AbortSignal): Promise<Lease>
  renew(token: string, signal: AbortSignal): Promise<Lease>
}

/** What a login sends. Made for each login, because files may change. */
type Credentials = (signal: AbortSignal) => Promise<Readonly<Record<string, string>>>

export interface AppRole {
  readonly roleId: string
  readonly secretId?: string | undefined
  readonly secretIdFile?: string | undefined
}

export function appRole({ roleId, secretId, secretIdFile }: AppRole): Credentials {
  return async (signal) => {
    const secret = secretIdFile === undefined ? secretId : await readSecret(secretIdFile, signal)
    return { role_id: roleId, ...(secret === undefined ? {} : { secret_id: secret }) }
  }
}

export function serviceAccount({ role, tokenFile }: { role: string; tokenFile: string }): Credentials {
  return async (signal) => ({ role, jwt: await readSecret(tokenFile, signal) })
}

/** Logins at an auth method that is mounted at `mount`. */
export function loginsAt(mount: string, credentials: Credentials, service: VaultService): Logins {
  const path = `auth/${mount}/login`
  return {
    async login(signal) {
      const body = await credentials(signal)
      const answer = await service.send({ action: 'log in', method: 'POST', path, body }, undefined, signal)
      return answer.lease()
    },
    renew: (token, signal) => renewed(service, token, signal),
  }
}

/** A token that the configuration gives. Instead of a login, the service is asked how long it lives. */
export function fixedToken(token: string, service: VaultService): Logins {
  const call = { action: 'look up token', method: 'GET', path: 'auth/token/lookup-self' } as const
  return {
    async login(signal) {
      try {
        return { token, ...(await service.send(call, token, signal)).life() }
      } catch (error) {
        if (!isEnvelopeError(error) || !isRefusedToken(error)) throw error
        // It may lack the default policy and yet be valid. If it is not valid, the call itself is denied.
        return { token, leaseMs: 0, renewable: false }
      }
    },
    renew: (current, signal) => renewed(service, current, signal),
  }
}

async function renewed(service: VaultService, token: string, signal: AbortSignal): Promise<Lease> {
  const call = { action: 'renew token', method: 'POST', path: 'auth/token/renew-self', body: {} } as const
  return (await service.send(call, token, signal)).lease()
}
