/** What a thread needs to know of the token. */
export interface TokenAccess {
  readonly library: string
  readonly token: string
  readonly pin: string | undefined
  readonly pinFile: string | undefined
}

/** Between the provider and its thread. */
export interface WorkerOptions extends TokenAccess {
  /** Not 0 while a thread of this process initializes the module. */
  readonly initializing: Int32Array
  /** Whether this thread tries a PIN. */
  readonly login: Int32Array
}

interface Call {
  readonly label: string
}

/** A DEK or a secret to wrap. Its buffer is transferred, and wiped in the thread. */
interface WrapCall extends Call {
  readonly action: 'wrap'
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The part of the AAD before the id of the key, and the part after it. */
  readonly aad: AadParts
}

interface UnwrapCall extends Call {
  readonly action: 'unwrap'
  readonly keyId: Uint8Array
  /** IV, ciphertext and tag. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly aad: AadParts
}

interface VerifyUnwrapCall extends Call {
  readonly action: 'verify unwrap'
}

export interface AadParts {
  readonly head: Uint8Array
  readonly tail: Uint8Array
}

export type Action = TokenCall['action']
export type TokenCall = WrapCall | UnwrapCall | VerifyUnwrapCall
export type Request = TokenCall & { readonly id: number }

/** What failed, by name: a code of PKCS#11 (`CKR_…`), or one of the thread's own. */
export interface Failure {
  readonly code: string
  /** The function of PKCS#11. */
  readonly during?: string | undefined
}

export type Answer =
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer>; readonly failure?: undefined }
  | { readonly id: number; readonly failure: Failure }
