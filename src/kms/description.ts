import { PROVIDER } from '../envelope/bounds.js'
import { configError, type EnvelopeError } from '../errors.js'
import type { CmkDescription } from './kms.js'

/** Names of algorithms that wrap with a public key, whatever the provider is called (`docs/format.md`, 10). */
const ASYMMETRIC = /\/(?:rsa-oaep-sha256|sm2)$/

/**
 * Checks a provider's description of a CMK. If a provider did not declare that a public key wraps, everyone who has
 * that key could make envelopes that open without `acceptPublicKeySealing`.
 * @throws EnvelopeError CONFIG_INVALID
 */
export function checkedDescription(kms: string, cmkId: string, described: unknown): CmkDescription {
  const given = (described ?? {}) as Partial<Record<keyof CmkDescription, unknown>>
  const { provider, publicKeyWraps } = given
  const refused = (message: string): EnvelopeError =>
    configError([{ path: `kms.${kms}`, message }], { subject: `CMK ${cmkId}` })
  if (typeof provider !== 'string' || !PROVIDER.pattern.test(provider)) {
    throw refused('describe() must return a `provider` of 1 to 64 characters from a-z, 0-9, "/" and "-"')
  }
  if (typeof publicKeyWraps !== 'boolean') {
    throw refused('describe() does not say by `publicKeyWraps` (true or false) whether a public key wraps')
  }
  if (!publicKeyWraps && ASYMMETRIC.test(provider)) {
    throw refused(`provider ${provider} wraps with a public key by its name, but \`publicKeyWraps\` is false`)
  }
  const predicate = (name: 'unwrapsFor' | 'rewrapsTo'): ((cmkId: string) => boolean) | undefined => {
    const answer = given[name]
    if (answer === undefined) return undefined
    if (typeof answer !== 'function')
      throw refused(`describe() returned a member \`${name}\` that is not a function`)
    return (id) => isTrue(() => answer.call(given, id) as unknown)
  }
  const [unwrapsFor, rewrapsTo] = [predicate('unwrapsFor'), predicate('rewrapsTo')]
  return { provider, publicKeyWraps, ...(unwrapsFor && { unwrapsFor }), ...(rewrapsTo && { rewrapsTo }) }
}

/** Only `true` counts: a provider that returned a promise would accept every id. One that throws accepts none. */
function isTrue(answer: () => unknown): boolean {
  try {
    return answer() === true
  } catch {
    return false
  }
}
