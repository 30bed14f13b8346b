import type { Facts } from '../facts/facts.js'
import type { ExcessTrial } from '../facts/kms.js'
import { fine, found, unchecked, type Outcome } from '../finding.js'

/** Whether this process may do more with a CMK than its rules need. */
export function* rights({ kms }: Facts): Iterable<Outcome> {
  for (const trial of kms?.excess ?? []) yield ofCmk(trial)
}

function ofCmk({ kms, cmkId, provider, use, answer, why }: ExcessTrial): Outcome {
  const subject = `CMK ${cmkId} (${kms})`
  const does = use === 'unwrap' ? 'unwrap DEKs' : 'make DEKs'
  if (answer === 'unknown')
    return unchecked('KMS', `${subject}: whether this process may ${does}, which it need not: ${why ?? ''}`)
  if (answer === 'denied') return fine('KMS', `${subject}: this process may not ${does}, and need not`)
  // A keyring has no rights: whoever reads it has what is in it.
  if (provider === 'local' || provider.startsWith('local/')) {
    return found('keyring-holds-whole-cmk', {
      subject,
      what: `this process need not ${does}, but has a keyring with which it can`,
      remedy:
        use === 'unwrap'
          ? 'Give producers the public key of an RSA CMK, or use a KMS that has rights'
          : 'Use a KMS that has rights',
    })
  }
  return use === 'unwrap'
    ? found('may-unwrap', {
        subject,
        what: 'this process only seals, but may unwrap DEKs: whoever takes it over can read the topics',
        remedy:
          'Take the right to decrypt with this CMK from its identity, unless a `dekStore` in code needs it',
      })
    : found('may-make-deks', {
        subject,
        what: 'this process seals nothing under it, but may make DEKs: whoever takes it over can seal records that readers accept',
        remedy: 'Take the right to make data keys or to encrypt with this CMK from its identity',
      })
}
