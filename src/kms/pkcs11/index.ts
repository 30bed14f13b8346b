/** `kafka-envelope/kms/pkcs11`: hardware security modules, by PKCS#11. */
export { pkcs11Kms } from './pkcs11-kms.js'
export type { Pkcs11KmsOptions } from './options.js'
