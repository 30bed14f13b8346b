import { resolve } from 'node:path'

import { configError } from '../../errors.js'
import type { Kms } from '../kms.js'
import { readKeyring } from './keyring-file.js'
import { keyringKms } from './keyring-kms.js'

/** Options of {@link localKms}. */
export interface LocalKmsOptions {
  /** Path of the keyring file. A relative path is resolved now, against the working directory. */
  readonly keyring: string
}

/**
 * A KMS whose CMKs are in a file, for development, tests, and machines that have no other KMS: anyone who
 * can read the file has the CMKs. Providers on the wire are `local` and `local/rsa-oaep-sha256`.
 *
 * The file is read on each call, so that rotating or disabling a CMK takes effect immediately. Beyond what `Kms` says,
 * a call rejects with `KEYRING_NOT_FOUND`, `KEYRING_EXPOSED` (someone other than the owner may use the file; not
 * checked on Windows) or `KEYRING_INVALID`.
 *
 * @throws EnvelopeError CONFIG_INVALID if `keyring` is not a path
 */
export function localKms(options: LocalKmsOptions): Kms {
  // Callers in JavaScript may pass anything.
  const path: unknown = (options as LocalKmsOptions | null | undefined)?.keyring
  if (typeof path !== 'string' || path === '') {
    const issue = { path: 'keyring', message: 'expected the path of a keyring file' }
    throw configError([issue], { subject: 'the options of localKms()' })
  }
  const file = resolve(path)

  return keyringKms(() => readKeyring(file), file)
}
