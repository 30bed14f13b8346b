/** Every code and what to do about it. Codes are API: they are added, never renamed. */
const REMEDIES = {
  OPTIONS_INVALID: 'Correct it; the README of kafka-envelope-tencent-kms-emulator lists the options',
  ADDRESS_UNAVAILABLE: 'Choose another host or port; port 0 takes a free one',
  KEY_FILE_EXPOSED: 'Restrict the file to its owner (chmod 600)',
  KEY_FILE_INVALID: 'Restore the file from a backup, or delete it to start without keys',
  KEY_FILE_UNREADABLE: 'Let this process read the file',
  KEY_FILE_UNWRITABLE: 'Let this process write the file and the folder that holds it',
} as const

/** A stable code. */
export type EmulatorErrorCode = keyof typeof REMEDIES

/**
 * What starting or controlling the emulator throws. `message` says what is wrong and what to do; it never contains
 * secrets. What a caller over HTTP gets is an answer instead.
 */
export class EmulatorError extends Error {
  override readonly name = 'EmulatorError'
  readonly code: EmulatorErrorCode

  constructor(code: EmulatorErrorCode, what: string, options: { readonly cause?: unknown } = {}) {
    super(`${code}: ${what}. ${REMEDIES[code]}.`, options)
    this.code = code
  }
}
