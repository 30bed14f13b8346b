/** Every code and its remedy. Codes are API: they are added, never renamed. */
const REMEDIES = {
  OPTIONS_INVALID: 'Correct the option; the README of kafka-envelope-tencent-kms-emulator lists the options',
  ADDRESS_UNAVAILABLE: 'Choose another host or port; port 0 picks a free one',
  KEY_FILE_EXPOSED: 'Restrict the file to its owner (chmod 600)',
  KEY_FILE_INVALID: 'Restore the file from a backup, or delete it to start without keys',
  KEY_FILE_UNREADABLE: 'Allow this process to read the file',
  KEY_FILE_UNWRITABLE: 'Allow this process to write to the file and to the folder that contains it',
} as const

/** A stable code. */
export type EmulatorErrorCode = keyof typeof REMEDIES

/**
 * The error that starting or controlling the emulator throws. `message` says what is wrong and what to do; it never
 * contains secrets. A caller over HTTP gets an error response instead.
 */
export class EmulatorError extends Error {
  override readonly name = 'EmulatorError'
  readonly code: EmulatorErrorCode

  constructor(code: EmulatorErrorCode, what: string, options: { readonly cause?: unknown } = {}) {
    super(`${code}: ${what}. ${REMEDIES[code]}.`, options)
    this.code = code
  }
}
