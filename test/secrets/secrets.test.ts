import { afterEach, describe, expect, it } from 'vitest'
import { CONTEXT_TEXT } from '../../src/envelope/bounds.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import { createEncryption, type Encryption, type EncryptionEvents } from '../../src/index.js'
import type { Kms } from '../../src/kms/kms.js'
import { memoryKms } from '../../src/kms/memory/index.js'
import { readSecret, writeSecret } from '../../src/secrets/encrypted-secret.js'

type EncryptCall = Parameters<NonNullable<Kms['encryptSecret']>>[0]
type DecryptCall = Parameters<NonNullable<Kms['decryptSecret']>>[0]

const open: Encryption[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** An owner whose entry `passwords` lists the CMKs of `kms`, the first of which encrypts. */
async function owner(kms: Kms, ids: readonly string[] = ['one']): Promise<Encryption> {
  const encryption = await createEncryption({
    kms: { here: kms },
    cmks: { passwords: ids.map((id) => ({ kms: 'here' as const, id })) },
    topics: [{ match: ['orders'], passthrough: true }],
    kmsRetries: 0,
  })
  open.push(encryption)
  return encryption
}

async function failureOf(promise: Promise<unknown>): Promise<EnvelopeError> {
  const error: unknown = await promise.catch((reason: unknown) => reason)
  if (!isEnvelopeError(error)) throw new Error('expected an EnvelopeError')
  return error
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode> {
  return (await failureOf(promise)).code
}

/** The KMS in memory, which notes the calls for secrets. */
function noting(): { readonly kms: Kms; readonly calls: (EncryptCall | DecryptCall)[] } {
  const inner = memoryKms({ cmks: ['one', 'two'] })
  const calls: (EncryptCall | DecryptCall)[] = []
  const kms: Kms = {
    ...inner,
    encryptSecret: (call) => {
      calls.push(call)
      return inner.encryptSecret?.(call) ?? Promise.reject(new Error('absent'))
    },
    decryptSecret: (call) => {
      calls.push(call)
      return inner.decryptSecret?.(call) ?? Promise.reject(new Error('absent'))
    },
  }
  return { kms, calls }
}

describe('secrets', () => {
  it('decrypting inverts encrypting, from bytes and from base64, each with one call to the KMS', async () => {
    const { kms, calls } = noting()
    const secrets = (await owner(kms)).secrets('passwords')
    const encrypted = await secrets.encrypt(Buffer.from('hunter2'), { app: 'billing' })
    expect(encrypted.includes('hunter2')).toBe(false)
    expect((await secrets.decrypt(encrypted, { app: 'billing' })).toString()).toBe('hunter2')
    const text = encrypted.toString('base64')
    expect((await secrets.decrypt(`${text}\n`, { app: 'billing' })).toString()).toBe('hunter2')
    expect(calls).toHaveLength(3)
  })

  it('a secret of 4,096 bytes is encrypted, and one of 4,097 is refused with a pointer to envelopes and without a call', async () => {
    const { kms, calls } = noting()
    const secrets = (await owner(kms)).secrets('passwords')
    const secret = Buffer.alloc(4096, 'x')
    expect(await secrets.decrypt(await secrets.encrypt(secret))).toEqual(secret)
    const failure = await failureOf(secrets.encrypt(Buffer.alloc(4097)))
    expect(failure.code).toBe('SECRET_TOO_LARGE')
    expect(failure.message).toMatch(/more than 4,096 bytes\. .*envelope/)
    expect(calls).toHaveLength(2)
  })

  it('a secret decrypts only in its context, whatever the order of its entries', async () => {
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    const encrypted = await secrets.encrypt(Buffer.from('s'), { a: '1', b: '2' })
    expect((await secrets.decrypt(encrypted, { b: '2', a: '1' })).toString()).toBe('s')
    for (const context of [undefined, {}, { a: '1' }, { a: '1', b: '3' }])
      expect(await codeOf(secrets.decrypt(encrypted, context))).toBe('SECRET_NOT_AUTHENTIC')
  })

  it('a secret with a changed byte is malformed, of another CMK, or not authentic', async () => {
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    const encrypted = await secrets.encrypt(Buffer.from('s'))
    const codes = new Set<ErrorCode>()
    for (const at of encrypted.keys()) {
      const changed = Buffer.from(encrypted)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      codes.add(await codeOf(secrets.decrypt(changed)))
    }
    // The bytes of the version of the CMK lead to one that is not there.
    const refusals = ['CMK_NOT_FOUND', 'SECRET_MALFORMED', 'SECRET_NOT_AUTHENTIC', 'SECRET_OF_ANOTHER_CMK']
    expect([...codes].sort()).toEqual(refusals)
  })

  it('the first CMK of an entry encrypts, and each of them decrypts what is under it', async () => {
    const { kms, calls } = noting()
    const before = (await owner(kms, ['one'])).secrets('passwords')
    const after = (await owner(kms, ['two', 'one'])).secrets('passwords')
    const old = await before.encrypt(Buffer.from('old'))
    const fresh = await after.encrypt(Buffer.from('new'))
    expect(readSecret(old)).toMatchObject({ provider: 'local', cmkId: 'one' })
    expect(readSecret(fresh)).toMatchObject({ provider: 'local', cmkId: 'two' })
    expect((await after.decrypt(old)).toString()).toBe('old')
    expect((await after.decrypt(fresh)).toString()).toBe('new')
    expect(calls.map(({ cmkId }) => cmkId)).toEqual(['one', 'two', 'one', 'two'])
  })

  it('a secret of a CMK that the entry does not list is refused without a call, and the error names it', async () => {
    const { kms, calls } = noting()
    const secrets = (await owner(kms, ['one'])).secrets('passwords')
    for (const other of [
      { provider: 'local', cmkId: 'two' },
      { provider: 'aws-kms', cmkId: 'one' },
    ]) {
      const encrypted = writeSecret({ ...other, ciphertext: new Uint8Array(40) })
      const failure = await failureOf(secrets.decrypt(encrypted))
      expect(failure.code).toBe('SECRET_OF_ANOTHER_CMK')
      expect(failure.message).toContain(`${other.provider} ${other.cmkId}, which is not among local one`)
    }
    expect(calls).toHaveLength(0)
  })

  it('the KMS gets the context with an entry that no rule and no envelope can have', async () => {
    const { kms, calls } = noting()
    const encryption = await owner(kms)
    await encryption.secrets('passwords').encrypt(Buffer.from('s'), { app: 'billing' })
    expect(calls[0]?.context).toEqual({ app: 'billing', 'kafka-envelope': 'secret~1' })
    // The decoder of envelopes checks their contexts by the same pattern.
    expect(CONTEXT_TEXT.pattern.test('secret~1')).toBe(false)
    const rule = {
      match: ['orders'],
      encrypt: { cmk: 'a', context: { 'kafka-envelope': 'secret~1' } },
    } as const
    const config = {
      kms: { here: memoryKms({ cmks: ['a'] }) },
      cmks: { a: [{ kms: 'here', id: 'a' }] },
      topics: [rule],
    } as const
    expect(await codeOf(createEncryption(config))).toBe('CONFIG_INVALID')
  })

  it.each([
    ['a text', 'hunter2'],
    ['nothing', undefined],
    ['no bytes', new Uint8Array()],
    ['a list of numbers', [1, 2]],
  ])('%s is refused as a secret, and not repeated', async (_, secret) => {
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    const failure = await failureOf(secrets.encrypt(secret as Uint8Array))
    expect(failure.code).toBe('INVALID_SECRET')
    expect(failure.message).not.toContain('hunter2')
  })

  it.each([
    ['the reserved key', { 'kafka-envelope': 'x' }],
    ['a value with another character', { app: 'secret~1' }],
    ['a key with another character', { 'a b': 'x' }],
    ['an empty value', { app: '' }],
    ['a number', { app: 7 }],
    ['a Map', new Map([['app', 'x']])],
    ['a list', ['x']],
    ['null', null],
    ['a text', 'app=x'],
    [
      '1,025 bytes',
      Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`k${String(at)}`, 'v'.repeat(117)])),
    ],
  ])('a context that is or has %s is refused, in both directions', async (_, given) => {
    const context = given as unknown as Record<string, string>
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    expect(await codeOf(secrets.encrypt(Buffer.from('s'), context))).toBe('INVALID_SECRET')
    const encrypted = await secrets.encrypt(Buffer.from('s'))
    expect(await codeOf(secrets.decrypt(encrypted, context))).toBe('INVALID_SECRET')
  })

  it('a value that is neither bytes nor base64 of a secret is malformed, and not repeated', async () => {
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    for (const value of ['hunter2', '', Buffer.from('hunter2'), undefined, {}]) {
      const failure = await failureOf(secrets.decrypt(value as string))
      expect(failure.code).toBe('SECRET_MALFORMED')
      expect(failure.message).not.toContain('hunter2')
    }
  })

  it('a secret may be changed or wiped as soon as encrypt() has returned its promise', async () => {
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    const secret = Buffer.from('hunter2')
    const context = { app: 'billing' }
    const encrypted = secrets.encrypt(secret, context)
    secret.fill(0)
    context.app = 'other'
    expect((await secrets.decrypt(await encrypted, { app: 'billing' })).toString()).toBe('hunter2')
  })

  it('the bytes that a provider got are wiped when the call ends, even if it kept them', async () => {
    const { kms, calls } = noting()
    const secrets = (await owner(kms)).secrets('passwords')
    await secrets.encrypt(Buffer.from('hunter2'))
    const [call] = calls as [EncryptCall]
    expect(Buffer.from(call.secret)).toEqual(Buffer.alloc(7))
  })

  it('a decrypted secret has its own memory', async () => {
    const secrets = (await owner(memoryKms({ cmks: ['one'] }))).secrets('passwords')
    const decrypted = await secrets.decrypt(await secrets.encrypt(Buffer.from('hunter2')))
    expect(decrypted.buffer.byteLength).toBe(7)
  })

  it('encrypting takes from the share for sealing, and decrypting from that for opening', async () => {
    const share = { perSecond: 0.1, burst: 1 }
    const encryption = await createEncryption({
      kms: { here: memoryKms({ cmks: ['one'] }) },
      cmks: { passwords: [{ kms: 'here', id: 'one' }] },
      topics: [{ match: ['orders'], passthrough: true }],
      kmsRateLimit: { sealing: share, opening: share },
      kmsTimeout: '2s',
    })
    open.push(encryption)
    const secrets = encryption.secrets('passwords')
    const encrypted = await secrets.encrypt(Buffer.from('hunter2'))
    expect((await secrets.decrypt(encrypted)).toString()).toBe('hunter2')
    const late = [secrets.encrypt(Buffer.from('hunter2')), secrets.decrypt(encrypted)]
    expect(await Promise.all(late.map(async (each) => (await failureOf(each)).message))).toEqual([
      expect.stringContaining('(`kmsRateLimit.sealing`)'),
      expect.stringContaining('(`kmsRateLimit.opening`)'),
    ])
  })

  it('calls for secrets are reported as encrypt and decrypt, and say nothing of the secret', async () => {
    const encryption = await owner(memoryKms({ cmks: ['one'] }))
    const events: EncryptionEvents['kms.call'][] = []
    const traced: string[] = []
    encryption.on('kms.call', (event) => events.push(event))
    encryption.trace(({ operation }) => {
      traced.push(operation)
      return {
        run: (call) => {
          call()
        },
        end: () => undefined,
      }
    })
    const secrets = encryption.secrets('passwords')
    const encrypted = await secrets.encrypt(Buffer.from('hunter2'))
    await secrets.decrypt(encrypted)
    await secrets.decrypt(encrypted, { app: 'x' }).catch(() => undefined)
    expect(events.map(({ operation, outcome, code }) => [operation, outcome, code])).toEqual([
      ['encrypt', 'ok', undefined],
      ['decrypt', 'ok', undefined],
      ['decrypt', 'failed', 'SECRET_NOT_AUTHENTIC'],
    ])
    expect(traced).toEqual(['encrypt', 'decrypt', 'decrypt'])
    expect(JSON.stringify(events)).not.toContain('hunter2')
  })

  it('an unknown entry is CONFIG_INVALID, and a CMK of a provider without secrets CMK_UNUSABLE, at once', async () => {
    const encryption = await owner(memoryKms({ cmks: ['one'] }))
    expect(() => encryption.secrets('other')).toThrow(/CONFIG_INVALID.*`cmks` has no entry "other"/)
    const { encryptSecret: _, ...without } = memoryKms({ cmks: ['one'] })
    const bare = await owner(without)
    expect(() => bare.secrets('passwords')).toThrow(/CMK_UNUSABLE.*CMK one encrypts no secrets/)
  })

  it('a CMK whose public key wraps encrypts no secrets, even if its provider would', async () => {
    const kms = memoryKms({ cmks: ['one'] })
    const described = { provider: 'local/rsa-oaep-sha256', publicKeyWraps: true }
    const encryption = await owner({ ...kms, describe: () => Promise.resolve(described) })
    expect(() => encryption.secrets('passwords')).toThrow(/CMK_UNUSABLE/)
  })

  it('after close() nothing is encrypted or decrypted, and calls in progress end', async () => {
    const kms = memoryKms({ cmks: ['one'] })
    let waiting = (): void => undefined
    const begun = new Promise<void>((resolve) => (waiting = resolve))
    const encryption = await owner({
      ...kms,
      encryptSecret: () => {
        waiting()
        return new Promise(() => undefined)
      },
    })
    const secrets = encryption.secrets('passwords')
    const inFlight = codeOf(secrets.encrypt(Buffer.from('s')))
    await begun
    await encryption.close()
    expect(await inFlight).toBe('ENCRYPTION_CLOSED')
    expect(await codeOf(secrets.encrypt(Buffer.from('s')))).toBe('ENCRYPTION_CLOSED')
    expect(await codeOf(secrets.decrypt('a2VzZWMB'))).toBe('ENCRYPTION_CLOSED')
  })

  it.each([
    ['nothing', undefined],
    ['a text', 'x'],
    ['no bytes', new Uint8Array()],
    ['8,193 bytes', new Uint8Array(8193)],
  ])('a provider that answers encryptSecret() with %s breaks its contract', async (_, answer) => {
    const kms = {
      ...memoryKms({ cmks: ['one'] }),
      encryptSecret: () => Promise.resolve(answer as Uint8Array),
    }
    const secrets = (await owner(kms)).secrets('passwords')
    expect(await codeOf(secrets.encrypt(Buffer.from('s')))).toBe('KMS_RESPONSE_INVALID')
  })

  it.each([
    ['nothing', 'KMS_RESPONSE_INVALID', undefined],
    ['a text', 'KMS_RESPONSE_INVALID', 'x'],
    ['no bytes', 'SECRET_NOT_AUTHENTIC', new Uint8Array()],
    ['4,097 bytes', 'SECRET_NOT_AUTHENTIC', new Uint8Array(4097).fill(7)],
  ] as const)('decryptSecret() that answers with %s is %s', async (_, code, answer) => {
    const kms = memoryKms({ cmks: ['one'] })
    const encrypted = await (await owner(kms)).secrets('passwords').encrypt(Buffer.from('s'))
    const strange = {
      ...memoryKms({ cmks: ['one'] }),
      decryptSecret: () => Promise.resolve(answer as Uint8Array),
    }
    expect(await codeOf((await owner(strange)).secrets('passwords').decrypt(encrypted))).toBe(code)
    if (answer instanceof Uint8Array) expect(answer.every((byte) => byte === 0)).toBe(true)
  })

  it('what the service said of a secret that did not decrypt is kept, and nothing of a DEK', async () => {
    const kms = memoryKms({ cmks: ['one'] })
    const encrypted = await (await owner(kms)).secrets('passwords').encrypt(Buffer.from('s'))
    const refusing: Kms = {
      ...memoryKms({ cmks: ['one'] }),
      decryptSecret: () =>
        Promise.reject(
          new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'CMK one cannot unwrap the ciphertext DEK', {
            kmsCode: 'InvalidCiphertext',
            requestId: 'r-1',
          }),
        ),
    }
    const failure = await failureOf((await owner(refusing)).secrets('passwords').decrypt(encrypted))
    expect(failure).toMatchObject({
      code: 'SECRET_NOT_AUTHENTIC',
      kmsCode: 'InvalidCiphertext',
      requestId: 'r-1',
      retriable: false,
    })
    expect(failure.message).not.toContain('DEK')
  })

  it('a replica of the CMK decrypts, and is called under its own id', async () => {
    const inner = memoryKms({ cmks: ['near'] })
    const kms: Kms = {
      ...inner,
      describe: () =>
        Promise.resolve({ provider: 'local', publicKeyWraps: false, unwrapsFor: (id) => id === 'far' }),
    }
    const secrets = (await owner(kms, ['near'])).secrets('passwords')
    const { provider, ciphertext } = readSecret(await secrets.encrypt(Buffer.from('s')))
    const ofReplica = writeSecret({ provider, cmkId: 'far', ciphertext })
    expect((await secrets.decrypt(ofReplica)).toString()).toBe('s')
  })
})
