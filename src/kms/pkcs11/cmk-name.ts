/** A key in a token, by its name in configuration and on the wire: a URI of RFC 7512. */
export interface CmkName {
  /** `pkcs11:token=<token>;object=<label>`. */
  readonly id: string
  readonly token: string
  /** CKA_LABEL of all versions of the key. */
  readonly label: string
}

/** Characters that need no escape, so that a name has one spelling. A label of a token has at most 32 bytes. */
const NAME = /^pkcs11:token=([A-Za-z0-9._-]{1,32});object=([A-Za-z0-9._-]{1,128})$/

export function isTokenLabel(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,32}$/.test(text)
}

/** Undefined if `id` does not name a key. */
export function parseCmkName(id: string): CmkName | undefined {
  const [, token, label] = NAME.exec(id) ?? []
  return token === undefined || label === undefined ? undefined : { id, token, label }
}
