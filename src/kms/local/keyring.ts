/**
 * The keyring file, JSON in UTF-8:
 *
 *   {"schemaVersion": 1, "cmks": [
 *     {"id", "type": "aes-256", "enabled", "versions": [{"version", "createdAt", "key": base64}, …]},
 *     {"id", "type": "rsa-oaep-sha256", "enabled", "createdAt", "publicKey": PEM, "privateKey"?: PEM}
 *   ]}
 *
 * CMKs are a list and not an object, so that no id (`__proto__`, `constructor`) has a special meaning in JavaScript,
 * and so that a duplicate is detected.
 */
import * as v from 'valibot'

import { EnvelopeError } from '../../errors.js'
import { isCmkId, type LocalCmk } from './local-cmk.js'

export type Keyring = ReadonlyMap<string, LocalCmk>

const SCHEMA_VERSION = 1

/** Checked before anything is allocated. Room for over 100,000 versions. */
export const MAX_KEYRING_BYTES: number = 16 * 1024 * 1024

const time = v.pipe(v.string(), v.isoTimestamp())
const id = v.pipe(
  v.string(),
  v.check((text: string) => isCmkId(text)),
)

// Strict: the next write would lose an unknown member.
const aesCmk = v.strictObject({
  id,
  type: v.literal('aes-256'),
  enabled: v.boolean(),
  versions: v.pipe(
    v.array(
      v.strictObject({
        version: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff_ffff)),
        createdAt: time,
        key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}=$/)),
      }),
    ),
    v.minLength(1),
    v.check((versions) => isAscending(versions.map(({ version }) => version))),
  ),
})

const rsaCmk = v.strictObject({
  id,
  type: v.literal('rsa-oaep-sha256'),
  enabled: v.boolean(),
  createdAt: time,
  publicKey: v.pipe(v.string(), v.startsWith('-----BEGIN PUBLIC KEY-----')),
  privateKey: v.exactOptional(v.pipe(v.string(), v.startsWith('-----BEGIN PRIVATE KEY-----'))),
})

const keyring = v.strictObject({
  schemaVersion: v.literal(SCHEMA_VERSION),
  cmks: v.array(v.variant('type', [aesCmk, rsaCmk])),
})

/** The keyring in `text`, else `KEYRING_INVALID`. `file` is for messages. */
export function parseKeyring(text: string, file: string): Keyring {
  // The error of neither parser becomes a message or a cause: both quote their input, keys included.
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new EnvelopeError('KEYRING_INVALID', `${file} is not JSON`)
  }
  const result = v.safeParse(keyring, json)
  if (!result.success) {
    throw new EnvelopeError(
      'KEYRING_INVALID',
      `${file} is not a valid keyring: check ${placeOf(result.issues[0])}`,
    )
  }
  const cmks = new Map<string, LocalCmk>(result.output.cmks.map((cmk) => [cmk.id, cmk]))
  if (cmks.size !== result.output.cmks.length) {
    throw new EnvelopeError('KEYRING_INVALID', `${file} has two CMKs with the same id`)
  }
  return cmks
}

/** The text of a keyring file with `cmks`. */
export function serialiseKeyring(cmks: Keyring, file: string): string {
  const text = `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, cmks: [...cmks.values()] }, null, 2)}\n`
  if (Buffer.byteLength(text) > MAX_KEYRING_BYTES) {
    throw new EnvelopeError('KEYRING_INVALID', `${file} would exceed the maximum size of a keyring`)
  }
  return text
}

/** The path of an issue. Omits the name of an unknown member: that is text of the file, and might be a secret. */
function placeOf(issue: v.BaseIssue<unknown>): string {
  const unknownMember = issue.type === 'strict_object' && issue.expected === 'never'
  const keys = (issue.path ?? []).map(({ key }) => String(key))
  return ['keyring', ...(unknownMember ? [...keys.slice(0, -1), '(unknown member)'] : keys)].join('.')
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? Infinity))
}
