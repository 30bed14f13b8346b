import { isAbsolute } from 'node:path'
import * as v from 'valibot'
import { configError } from '../../errors.js'
import { duration, type Duration } from '../../units.js'
import { members, parseOptions } from '../option-schema.js'
import { isTokenLabel } from './cmk-name.js'

/** Options of {@link pkcs11Kms}. Unknown members are errors. */
export interface Pkcs11KmsOptions {
  /**
   * Absolute path of the PKCS#11 module of the HSM's vendor. It is native code that runs in this process: keep it as
   * safe as the program itself.
   */
  readonly library: string
  /** Label of the token: 1 to 32 characters `A-Z a-z 0-9 . _ -`. It is part of the id of each CMK. */
  readonly token: string
  /** PIN of the user (CKU_USER). Default none: `pinFile` holds it. */
  readonly pin?: string
  /** File that holds the PIN instead. A line break at its end is ignored. It is read for each login. Default none. */
  readonly pinFile?: string
  /**
   * How long one call may take: 1ms to 1m; a number is milliseconds, at least 1,000. Default 10s. A call of PKCS#11
   * cannot be cancelled: its thread is given up, and another one takes over.
   */
  readonly requestTimeout?: Duration
}

const PIN = 'expected a PIN of 1 to 256 characters'
const PATH = 'expected an absolute path'
const path = v.pipe(
  v.string(PATH),
  v.check((file) => isAbsolute(file) && !file.includes('\0'), PATH),
  v.metadata({ pattern: '^(?:/|[A-Za-z]:[\\\\/]|\\\\\\\\)' }),
)

const LABEL = 'expected 1 to 32 characters A-Z a-z 0-9 . _ -'

/** The options that are plain data: a configuration file has them too. */
export const plainOptions = {
  library: path,
  token: v.pipe(
    v.string(LABEL),
    v.check(isTokenLabel, LABEL),
    v.metadata({ pattern: '^[A-Za-z0-9._-]{1,32}$' }),
  ),
  pin: v.optional(v.pipe(v.string(PIN), v.minLength(1, PIN), v.maxLength(256, PIN))),
  pinFile: v.optional(path),
  requestTimeout: v.optional(duration(1, 60_000, 1000), '10s'),
}

const schema = members(plainOptions)

/** Valid options, with defaults filled in. */
export type CheckedOptions = v.InferOutput<typeof schema>

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: Pkcs11KmsOptions): CheckedOptions {
  const { issues, checked } = parseOptions(schema, options)
  if (checked !== undefined) {
    const { pin, pinFile } = checked
    if (pin === undefined && pinFile === undefined)
      issues.push({ path: 'pin', message: 'missing; pass `pin` or `pinFile`' })
    if (pin !== undefined && pinFile !== undefined)
      issues.push({ path: 'pinFile', message: 'cannot be combined with `pin`' })
    if (issues.length === 0) return checked
  }
  throw configError(issues, { subject: 'the options of pkcs11Kms()' })
}
