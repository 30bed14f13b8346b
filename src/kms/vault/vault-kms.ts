import { refuseCancelled } from '../../cancellation.js'
import { systemClock, type Clock } from '../../clock.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import { EnvelopeError } from '../../errors.js'
import { JsonService } from '../json-service.js'
import type { Kms } from '../kms.js'
import { VaultApi } from './api.js'
import { FileTokens } from './auth/file-tokens.js'
import { LoginTokens } from './auth/login-tokens.js'
import { appRole, fixedToken, loginsAt, serviceAccount } from './auth/logins.js'
import type { Tokens } from './auth/tokens.js'
import { parseCmkName, type CmkName } from './cmk-name.js'
import { KeyGuard } from './key-guard.js'
import { checkOptions, type CheckedOptions, type VaultKmsOptions } from './options.js'
import { VaultService } from './service.js'
import { Transit } from './transit.js'

/** How many calls run at the same time. Enough for 1,000 a second if each takes 50 ms. */
const MAX_CONCURRENCY = 64

/**
 * The transit engine of HashiCorp Vault or OpenBao. The id of a CMK is `<name>/<key>`, with the `name` of the options. The
 * provider on the wire is `vault-transit`. `docs/vault-kms.md` explains how to set it up.
 *
 * Only keys with `derived=true` are accepted, because the engine ignores the encryption context of others. `describe`
 * makes no call, so that a process can start while Vault is down. Instead every other call is preceded by a look at the
 * key, unless one was made in the last minute (before `wrapDek`: in the last second; `verify` always looks). A key that
 * is not derived is `CMK_UNUSABLE`.
 *
 * Beyond what `Kms` says, a call rejects with `KMS_CREDENTIALS_UNAVAILABLE` or `KMS_REFUSED`. A call that is denied is
 * repeated once if another token is to be had.
 *
 * `close()` cancels calls in progress: they reject with `ENCRYPTION_CLOSED`.
 *
 * Key bytes pass through base64 text and JSON, which Node.js cannot wipe.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function vaultKms(options: VaultKmsOptions): Kms {
  const { name, mount, namespace, address, auth, ca, agent, requestTimeout } = checkOptions(options)
  const clock = systemClock
  const json = new JsonService({
    name: 'Vault',
    baseUrl: new URL(address),
    requestTimeoutMs: requestTimeout,
    clock,
    ca,
    agent,
  })
  const service = new VaultService(json, namespace)
  const api = new VaultApi(service, tokensOf(auth, service, clock))
  const transit = new Transit(api, new KeyGuard(api, mount, clock), mount)
  const find = (id: string): CmkName => {
    const cmk = parseCmkName(id, name)
    if (cmk !== undefined) return cmk
    // The id is not repeated: a malformed one might be a secret.
    throw new EnvelopeError('CMK_NOT_FOUND', `expected the id of a CMK of the form ${name}/<key>`)
  }

  return {
    async describe(cmkId, signal) {
      refuseCancelled(signal)
      find(cmkId)
      return Promise.resolve({
        provider: 'vault-transit',
        publicKeyWraps: false,
        rewrapsTo: (toCmkId) => toCmkId === cmkId,
      })
    },
    generateDek: async (call) => transit.generateDek(find(call.cmkId), call),
    async wrapDek(call) {
      if (call.dek.length !== DEK_BYTES)
        throw new EnvelopeError('CMK_UNUSABLE', `CMK ${call.cmkId} wraps only 32-byte DEKs`)
      return transit.wrapDek(find(call.cmkId), call.dek, call)
    },
    unwrapDek: async (call) => transit.unwrapDek(find(call.cmkId), call.ciphertextDek, call),
    encryptSecret: async (call) => transit.encryptSecret(find(call.cmkId), call.secret, call),
    decryptSecret: async (call) => transit.decryptSecret(find(call.cmkId), call.ciphertext, call),
    async rewrapDek(call) {
      const { cmkId, toCmkId, ciphertextDek } = call
      if (toCmkId !== cmkId)
        throw new EnvelopeError('CMK_UNUSABLE', `Vault cannot re-encrypt from CMK ${cmkId} to CMK ${toCmkId}`)
      return transit.rewrapDek(find(cmkId), ciphertextDek, call)
    },
    verify: async (call) => transit.verify(call.use, find(call.cmkId), call),
    limits: () => ({ concurrency: { group: `calls to ${name}`, max: MAX_CONCURRENCY } }),
    close() {
      api.close()
      return Promise.resolve()
    },
  }
}

function tokensOf(auth: CheckedOptions['auth'], service: VaultService, clock: Clock): Tokens {
  switch (auth.method) {
    case 'token-file':
      return new FileTokens(auth.file)
    case 'token':
      return new LoginTokens(fixedToken(auth.token, service), clock)
    case 'approle':
      return new LoginTokens(loginsAt(auth.mount, appRole(auth), service), clock)
    case 'kubernetes':
      return new LoginTokens(loginsAt(auth.mount, serviceAccount(auth), service), clock)
  }
}
