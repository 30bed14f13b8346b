/** Bounds of format version 1, inclusive, in bytes. Checked before anything is allocated or asked of a KMS. */
export const MAX_WRAPPINGS = 5
export const MAX_CIPHERTEXT_DEK_BYTES = 1024
export const MAX_HEADER_BYTES = 4096
export const MAX_CONTEXT_BYTES = 1024
export const MAX_BOUND_HEADERS = 32
export const MAX_BOUND_HEADER_BYTES = 256

export const IV_BYTES = 12
export const TAG_BYTES = 16
export const SESSION_ID_BYTES = 16
export const COMMITMENT_BYTES = 32
/** A SHA-256, which names a dictionary. */
export const DICTIONARY_NAME_BYTES = 32

/** A string of the format: its longest length and the characters it may have. */
export interface TextRule {
  readonly maxBytes: number
  readonly pattern: RegExp
}

export const PROVIDER: TextRule = { maxBytes: 64, pattern: /^[a-z0-9/-]{1,64}$/ }
export const CMK_ID: TextRule = { maxBytes: 256, pattern: /^[!-~]{1,256}$/ }
export const TOPIC: TextRule = { maxBytes: 249, pattern: /^[A-Za-z0-9._-]{1,249}$/ }
export const CONTEXT_TEXT: TextRule = { maxBytes: 128, pattern: /^[A-Za-z0-9._:/@=+-]{1,128}$/ }
