import { pkcs11Kms, type Pkcs11KmsOptions } from '../../../../src/kms/pkcs11/index.js'
import type { Kms } from '../../../../src/kms/kms.js'

/** `conf` is that of the HSM of this process. */
export const readingKms = ({ conf, ...options }: Pkcs11KmsOptions & { readonly conf: string }): Kms => {
  process.env['SOFTHSM2_CONF'] = conf
  return pkcs11Kms(options)
}
