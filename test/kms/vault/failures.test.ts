import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../../src/errors.js'
import type { Kms } from '../../../src/kms/kms.js'
import { KNOWN_ANSWERS, type Action } from '../../../src/kms/vault/failures.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { call, CIPHERTEXT, CMK, data, DEK, refused, startStub, works, type Reply } from './stub.js'

const LOGIN = { auth: { method: 'approle', roleId: 'role', secretId: 'secret-secret-secret' } } as const

interface Tried {
  readonly path: RegExp
  readonly run: (kms: Kms) => Promise<unknown>
}

/** How to make a call for each action. */
const ACTIONS = {
  'log in': { path: /\/login$/, run: (kms) => kms.generateDek(call) },
  'read key': { path: /\/keys\//, run: (kms) => kms.generateDek(call) },
  datakey: { path: /\/datakey\/plaintext\//, run: (kms) => kms.generateDek(call) },
  encrypt: { path: /\/encrypt\//, run: (kms) => kms.wrapDek({ ...call, dek: DEK }) },
  decrypt: {
    path: /\/decrypt\//,
    run: (kms) => kms.unwrapDek({ ...call, ciphertextDek: Buffer.from(CIPHERTEXT) }),
  },
  rewrap: {
    path: /\/rewrap\//,
    run: (kms) =>
      (kms as Required<Kms>).rewrapDek({ ...call, toCmkId: CMK, ciphertextDek: Buffer.from(CIPHERTEXT) }),
  },
} satisfies Partial<Record<Action, Tried>>
type TriedAction = keyof typeof ACTIONS

const ALL = Object.keys(ACTIONS) as TriedAction[]
const USES: readonly TriedAction[] = ['datakey', 'encrypt', 'decrypt', 'rewrap']
const OF_KEYS: readonly TriedAction[] = ['read key', ...USES]

async function outcome(action: TriedAction, reply: Reply): Promise<EnvelopeError> {
  const { path, run }: Tried = ACTIONS[action]
  const stub = await startStub((asked) => (path.test(asked.path) ? reply : works(asked)))
  const error: unknown = await run(stub.kms(LOGIN)).then(
    () => new Error('was fulfilled'),
    (reason: unknown) => reason,
  )
  await stub.close()
  if (!(error instanceof EnvelopeError)) throw new Error('not an EnvelopeError', { cause: error })
  return error
}

/** Every row of the table: what the service answers, our code and, where that matters, to which calls. */
const ANSWERS: readonly (readonly [
  status: number,
  text: string | undefined,
  code: ErrorCode,
  to?: readonly TriedAction[],
])[] = [
  [400, 'invalid role or secret ID', 'KMS_DENIED', ['log in']],
  [403, 'permission denied', 'KMS_DENIED'],
  [403, '1 error occurred:\n\t* permission denied\n\n', 'KMS_DENIED'],
  [404, 'no handler for route "auth/approle/login". route entry not found.', 'KMS_DENIED', ['log in']],
  [400, 'encryption key not found', 'CMK_NOT_FOUND', USES],
  [404, 'no handler for route "transit/x". route entry not found.', 'CMK_NOT_FOUND', OF_KEYS],
  [404, undefined, 'CMK_NOT_FOUND', ['read key']],
  [400, 'refusing to use soft-deleted key', 'CMK_DISABLED', USES],
  [
    400,
    'ciphertext or signature version is disallowed by policy (too old)',
    'CMK_DISABLED',
    ['decrypt', 'rewrap'],
  ],
  [400, 'invalid ciphertext: version is too new', 'CMK_NOT_FOUND', ['decrypt', 'rewrap']],
  [400, 'message encryption not supported for key type ed25519', 'CMK_UNUSABLE', USES],
  [400, 'cipher: message authentication failed', 'CIPHERTEXT_DEK_INVALID', ['decrypt', 'rewrap']],
  [400, 'chacha20poly1305: message authentication failed', 'CIPHERTEXT_DEK_INVALID', ['decrypt', 'rewrap']],
  [400, 'invalid ciphertext length', 'CIPHERTEXT_DEK_INVALID', ['decrypt', 'rewrap']],
  [400, 'invalid ciphertext: could not decode base64', 'CIPHERTEXT_DEK_INVALID', ['decrypt', 'rewrap']],
  [400, "missing 'context' for key derivation; the key was created", 'KMS_REFUSED', USES],
  [405, 'unsupported operation', 'KMS_REFUSED'],
  [412, 'required index state not present', 'KMS_UNAVAILABLE'],
  [429, 'request path "transit/x": rate limit quota exceeded', 'KMS_THROTTLED'],
  [472, undefined, 'KMS_UNAVAILABLE'],
  [473, undefined, 'KMS_UNAVAILABLE'],
  [500, 'internal error', 'KMS_UNAVAILABLE'],
  [502, 'bad gateway', 'KMS_UNAVAILABLE'],
  [503, 'Vault is sealed', 'KMS_UNAVAILABLE'],
  [503, 'overloaded', 'KMS_UNAVAILABLE'],
  [504, 'upstream timed out', 'KMS_UNAVAILABLE'],
  // Unknown to us, so not refusals; and a ciphertext DEK is blamed only by the call that takes one.
  [400, 'something new', 'KMS_UNAVAILABLE', OF_KEYS],
  [404, 'something new', 'KMS_UNAVAILABLE', USES],
  [418, undefined, 'KMS_UNAVAILABLE'],
  [400, 'cipher: message authentication failed', 'KMS_UNAVAILABLE', ['read key', 'datakey', 'encrypt']],
]

describe('answers of Vault', () => {
  for (const [status, text, code, to = ALL] of ANSWERS) {
    it(`Vault's answer ${String(status)} ${JSON.stringify(text ?? '')} is ${code} in ${to.join(', ')}`, async () => {
      for (const action of to) {
        const error = await outcome(action, text === undefined ? refused(status) : refused(status, text))
        expect([action, error.code, error.kmsCode]).toEqual([action, code, String(status)])
        if (text !== undefined) expect(error.message).not.toContain(text)
        if (action !== 'log in') expect(error.message).toContain(CMK)
        expectNoSecret(error, [DEK, Buffer.from(LOGIN.auth.secretId)])
      }
    })
  }

  it("every row of the table of Vault's answers is tried", () => {
    const untried = KNOWN_ANSWERS.filter(
      (row) =>
        !ANSWERS.some(
          ([status, text = '', code, to = ALL]) =>
            status === row.status &&
            text.includes(row.says ?? '') &&
            code === row.code &&
            to.some((action) => row.to?.includes(action) !== false),
        ),
    )
    expect(untried).toEqual([])
  })

  it('a denial names the path and the capability that the policy must have', async () => {
    const denial = refused(403, 'permission denied')
    expect((await outcome('read key', denial)).message).toContain('`read` on transit/keys/orders')
    expect((await outcome('datakey', denial)).message).toContain(
      '`update` on transit/datakey/plaintext/orders',
    )
  })

  it.each<[string, Reply, ErrorCode]>([
    ['JSON of another form', { status: 403, body: { message: 'Forbidden' } }, 'KMS_RESPONSE_INVALID'],
    ['errors that are not texts', { status: 400, body: { errors: [{}] } }, 'KMS_RESPONSE_INVALID'],
    ['an empty denial', { status: 403 }, 'KMS_RESPONSE_INVALID'],
    ['a gateway that throttles', { status: 429, body: { message: 'slow down' } }, 'KMS_THROTTLED'],
    ['a gateway without a backend', { status: 503, body: null }, 'KMS_UNAVAILABLE'],
    ['success without a body', { status: 204 }, 'KMS_RESPONSE_INVALID'],
  ])('%s instead of an answer of Vault blames neither the CMK nor the record', async (_, reply, code) => {
    for (const action of ALL) expect([action, (await outcome(action, reply)).code]).toEqual([action, code])
  })

  it.each<[string, TriedAction, Reply, ErrorCode]>([
    ['no data', 'datakey', { status: 200, body: {} }, 'KMS_RESPONSE_INVALID'],
    ['no ciphertext', 'encrypt', data({}), 'KMS_RESPONSE_INVALID'],
    ['a ciphertext of another form', 'encrypt', data({ ciphertext: 'v1:AAAA' }), 'KMS_RESPONSE_INVALID'],
    [
      'a long ciphertext',
      'encrypt',
      data({ ciphertext: `vault:v1:${'A'.repeat(1020)}` }),
      'KMS_RESPONSE_INVALID',
    ],
    ['a short DEK', 'datakey', data({ ciphertext: CIPHERTEXT, plaintext: 'AAAA' }), 'KMS_RESPONSE_INVALID'],
    ['no DEK', 'datakey', data({ ciphertext: CIPHERTEXT }), 'KMS_RESPONSE_INVALID'],
    ['no plaintext', 'decrypt', data({}), 'KMS_RESPONSE_INVALID'],
    ['a plaintext of another length', 'decrypt', data({ plaintext: 'AAAA' }), 'UNWRAP_FAILED'],
    ['no `derived`', 'read key', data({ supports_encryption: true }), 'KMS_RESPONSE_INVALID'],
    [
      'no version',
      'read key',
      data({ derived: true, supports_encryption: true, latest_version: 0 }),
      'KMS_RESPONSE_INVALID',
    ],
    ['no token', 'log in', { status: 200, body: { auth: {} } }, 'KMS_RESPONSE_INVALID'],
    [
      'a token with a line break',
      'log in',
      { status: 200, body: { auth: { client_token: 'a\nb', lease_duration: 1 } } },
      'KMS_RESPONSE_INVALID',
    ],
    ['no lifetime', 'log in', { status: 200, body: { auth: { client_token: 'a' } } }, 'KMS_RESPONSE_INVALID'],
  ])('an answer of Vault with %s (%s) is not taken', async (_, action, reply, code) => {
    expect((await outcome(action, reply)).code).toBe(code)
  })

  it("docs/vault-kms.md has a row for each of Vault's answers that this library distinguishes", async () => {
    const text = await readFile(new URL('../../../docs/vault-kms.md', import.meta.url), 'utf8')
    const rows = text.split('\n').filter((line) => line.startsWith('|'))
    const missing = KNOWN_ANSWERS.filter(
      ({ status, says = '', code }) =>
        !rows.some(
          (row) => row.includes(String(status)) && row.includes(says) && row.includes(`\`${code}\``),
        ),
    )
    expect(missing).toEqual([])
  })
})
