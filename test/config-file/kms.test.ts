import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig, type Environment, type LoadOptions } from '../../src/config-file/index.js'
import { makeKmses } from '../../src/config-file/kms-section.js'
import { createEncryption, type EncryptionConfig, type EnvelopeError, type Kms } from '../../src/index.js'
import { awsKms } from '../../src/kms/aws/index.js'
import { azureKms } from '../../src/kms/azure/index.js'
import { gcpKms } from '../../src/kms/gcp/index.js'
import { createKeyring } from '../../src/kms/local/index.js'
import { pkcs11Kms } from '../../src/kms/pkcs11/index.js'
import { tencentKms } from '../../src/kms/tencent/index.js'
import { vaultKms } from '../../src/kms/vault/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { CERTIFICATE } from '../kms/certificate.js'
import { TOKEN, startStub, works } from '../kms/vault/stub.js'
import { MemoryKms } from '../support/memory-kms.js'

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-kms-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function fileOf(text: string): Promise<string> {
  const file = join(folder, 'kafka-envelope.yaml')
  await writeFile(file, text)
  return file
}

/** A file in which the CMK `id` is in a KMS that stands on the third line. */
const fileWith = (entry: string, id = 'x'): string => `version: 1
kms:
  one: ${entry}
cmks: { main: [{ kms: one, id: '${id}' }] }
topics:
  - { match: [orders], encrypt: { cmk: main }, decrypt: { cmk: main } }
`

async function load(text: string, options: LoadOptions = {}): Promise<EncryptionConfig> {
  return loadConfig(await fileOf(text), { env: {}, ...options })
}

/** The mistakes of a file, one per line; none of the secrets is in any message. */
async function mistakes(
  text: string,
  env: Environment = {},
  kms: LoadOptions['kms'] = {},
): Promise<string[]> {
  const error = await load(text, { env, kms }).then(
    () => undefined,
    (e: unknown) => e as EnvelopeError,
  )
  if (error === undefined) return []
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(`${error.message} ${JSON.stringify(error.issues)} ${String(error.cause)}`).not.toContain('hunter2')
  return error.issues.map(
    ({ path, message, line, column }) => `${String(line)}:${String(column)} ${path}: ${message}`,
  )
}

const ARN = 'arn:aws:kms:eu-west-1:111122223333:key/1234'
const GOOGLE = 'projects/acme-prod/locations/global/keyRings/main/cryptoKeys/orders'
const AZURE = 'https://acme-prod.vault.azure.net/keys/orders'
const VAULT = "provider: vault, address: 'https://vault.example.com', name: transit.example.com"

describe('a KMS in a configuration file', () => {
  it.each<[string, string, string, Kms]>([
    [
      'tencent',
      "{ provider: tencent, credentials: { secretId: '${ID}', secretKey: '${KEY}' }, endpoint: internal, quota: { symmetric: 7 } }",
      'ap-guangzhou/1',
      tencentKms({ credentials: 'environment', quota: { symmetric: 7 } }),
    ],
    [
      'tencent, with a source of credentials',
      '{ provider: tencent, credentials: environment, quota: { symmetric: 8 } }',
      'ap-guangzhou/1',
      tencentKms({ credentials: 'environment', quota: { symmetric: 8 } }),
    ],
    [
      'aws, with the credentials that the SDK finds',
      '{ provider: aws, quota: { symmetric: 9 } }',
      ARN,
      awsKms({ quota: { symmetric: 9 } }),
    ],
    [
      'aws, with credentials',
      `{ provider: aws, credentials: { accessKeyId: a, secretAccessKey: '\${KEY}' }, cmks: { '${ARN}': { type: rsa-2048 } }, quota: { rsa: 9 } }`,
      ARN,
      awsKms({ cmks: { [ARN]: { type: 'rsa-2048' } }, quota: { rsa: 9 } }),
    ],
    [
      'vault',
      `{ ${VAULT}, auth: { method: token, token: '\${KEY}' }, requestTimeout: 500ms }`,
      'transit.example.com/orders',
      vaultKms({
        address: 'https://vault.example.com',
        name: 'transit.example.com',
        auth: { method: 'token', token: 'x' },
      }),
    ],
    [
      'gcp',
      "{ provider: gcp, token: '${KEY}', quota: 11 }",
      GOOGLE,
      gcpKms({ accessToken: () => Promise.resolve('x'), quota: 11 }),
    ],
    [
      'azure',
      "{ provider: azure, token: '${KEY}', quota: 12 }",
      AZURE,
      azureKms({ credential: { getToken: () => Promise.resolve({ token: 'x' }) }, quota: 12 }),
    ],
    [
      'pkcs11',
      "{ provider: pkcs11, library: /opt/hsm/pkcs11.so, token: orders, pin: '${KEY}' }",
      'pkcs11:token=orders;object=orders',
      pkcs11Kms({ library: '/opt/hsm/pkcs11.so', token: 'orders', pin: 'x' }),
    ],
  ])('a KMS in a configuration file is that of the provider: %s', async (_, entry, id, same) => {
    const { kms } = await load(fileWith(entry, id), { env: { ID: 'id', KEY: 'hunter2' } })
    expect(Object.keys(kms)).toEqual(['one'])
    expect(kms['one']?.limits?.('unwrap', id)).toEqual(same.limits?.('unwrap', id))
    expect(kms['one']?.limits?.('unwrap', id)).not.toEqual({})
    await kms['one']?.close?.()
    await same.close?.()
  })

  it('a KMS in a configuration file seals and opens under a keyring beside the file, wherever the process runs', async () => {
    await mkdir(join(folder, 'keys'))
    await createKeyring(join(folder, 'keys/dev.keyring'), [{ id: 'orders', type: 'aes-256' }])
    expect(process.cwd()).not.toBe(folder)
    const config = await load(fileWith("{ provider: '${KIND}', keyring: keys/dev.keyring }", 'orders'), {
      env: { KIND: 'local' },
    })
    const encryption = await createEncryption(config)
    const sealed = await sealRecords(encryption, [{ topic: 'orders', value: 'total: 19.90' }])
    expect(sealed[0]?.value?.includes('19.90')).toBe(false)
    const [opened] = await openRecords(encryption, sealed)
    expect(opened?.value?.toString()).toBe('total: 19.90')
    await encryption.close()
  })

  it.each([
    ['token-file', '{ method: token-file, file: token.txt }'],
    ['approle', '{ method: approle, roleId: r, secretIdFile: token.txt }'],
    ['kubernetes', '{ method: kubernetes, role: r, tokenFile: token.txt }'],
  ])('a KMS in a configuration file reads the files of %s beside the file', async (_, auth) => {
    const stub = await startStub(works)
    await writeFile(join(folder, 'token.txt'), `${TOKEN}\n`)
    const { address } = stub
    const { kms } = await load(
      fileWith(`{ provider: vault, address: '${address}', name: transit.vault.example.com, auth: ${auth} }`),
    )
    const { signal } = new AbortController()
    const call = { cmkId: 'transit.vault.example.com/orders', context: {}, signal }
    await expect(kms['one']?.generateDek(call)).resolves.toHaveProperty('dek')
    expect(JSON.stringify(stub.asked)).toContain(TOKEN)
    await kms['one']?.close?.()
    await stub.close()
  })

  it('a KMS in a configuration file takes certificates from a file beside it', async () => {
    await writeFile(join(folder, 'ca.pem'), CERTIFICATE)
    const entry = `{ ${VAULT}, auth: { method: token, token: x }, caFile: ca.pem }`
    const { kms } = await load(fileWith(entry, 'transit.example.com/orders'))
    expect(Object.keys(kms)).toEqual(['one'])
    await kms['one']?.close?.()
  })

  it('a KMS in a configuration file gives way to one of the same name that code passes, even if its variables are not set', async () => {
    const text = fileWith("{ provider: gcp, token: '${NOT_SET}', quota: none }").replace(
      'cmks:',
      '  two: { provider: local, keyring: two.keyring }\ncmks:',
    )
    expect(await mistakes(text)).toEqual([
      '3:25 kms.one.token: environment variable NOT_SET is not set',
      '3:46 kms.one.quota: expected a number above 0 and at most 100,000',
    ])
    const one = new MemoryKms()
    const { kms } = await load(text, { kms: { one } })
    expect(Object.keys(kms).toSorted()).toEqual(['one', 'two'])
    expect(kms['one']).toBe(one)
  })

  it('a KMS in a configuration file may stand beside those that code passes', async () => {
    const three = new MemoryKms()
    const text = fileWith('{ provider: local, keyring: x }').replace(
      'cmks: { main: [',
      'cmks: { main: [{ kms: three, id: x }, ',
    )
    expect(await mistakes(text)).toEqual(['4:18 cmks.main[0].kms: "three" is not in `kms`, which has one'])
    expect(Object.keys((await load(text, { kms: { three } })).kms)).toEqual(['one', 'three'])
  })

  it('a KMS in a configuration file needs nothing from code, and a file without one does', async () => {
    const file = await fileOf(fileWith('{ provider: local, keyring: x }'))
    expect(Object.keys((await loadConfig(file)).kms)).toEqual(['one'])
    const without = await fileOf(fileWith('').replace(/kms:\n {2}one: \n/, ''))
    await expect(loadConfig(without)).rejects.toMatchObject({
      issues: [{ path: 'cmks.main[0].kms', line: 2, column: 18 }],
    })
  })
})

describe('a mistake in a KMS of a file', () => {
  const PROVIDERS = "'local', 'tencent', 'aws', 'vault', 'gcp', 'azure' or 'pkcs11'"

  it.each<[string, string, string[]]>([
    ['nothing', '', [`3:3 kms.one: expected a provider: ${PROVIDERS}; got null`]],
    ['text', 'hunter2', [`3:3 kms.one: expected a provider: ${PROVIDERS}`]],
    [
      'no provider',
      '{ token: hunter2 }',
      [`3:3 kms.one.provider: missing; expected a provider: ${PROVIDERS}`],
    ],
    [
      'an unknown provider',
      '{ provider: hsm, pin: hunter2 }',
      [`3:10 kms.one.provider: expected a provider: ${PROVIDERS}`],
    ],
    [
      'local',
      "{ provider: local, keyring: '', ring: hunter2 }",
      [
        '3:27 kms.one.keyring: expected the path of a keyring file',
        '3:40 kms.one.ring: unknown member; expected provider, keyring',
      ],
    ],
    [
      'local: a number',
      '{ provider: local, keyring: 5 }',
      ['3:27 kms.one.keyring: expected the path of a keyring file'],
    ],
    [
      'local: nothing',
      '{ provider: local }',
      ['3:3 kms.one.keyring: missing; expected the path of a keyring file'],
    ],
    [
      'tencent: an unknown source, and a function',
      '{ provider: tencent, credentials: hunter2, client: hunter2, quota: { rsa: -1 } }',
      [
        '3:29 kms.one.credentials: expected environment, profile, cvm-role, tke-oidc, or {secretId, secretKey} with an optional token',
        '3:51 kms.one.client: unknown member; expected provider, credentials, cmks, endpoint, proxy, requestTimeout, quota',
        '3:77 kms.one.quota.rsa: expected a number above 0 and at most 100,000',
      ],
    ],
    [
      'tencent: a secret with a space',
      "{ provider: tencent, credentials: { secretId: id, secretKey: 'hunter2 ' } }",
      ['3:58 kms.one.credentials.secretKey: expected visible ASCII characters'],
    ],
    [
      'tencent: members that exclude each other',
      "{ provider: tencent, proxy: 'http://hunter2:1', endpoint: '127.0.0.1:7030' }",
      [
        '3:3 kms.one.credentials: missing; pass `credentials` or, in code, `client`',
        '3:29 kms.one.proxy: cannot be used with a plain http endpoint: the proxy could read DEKs',
      ],
    ],
    [
      'tencent: CMKs',
      '{ provider: tencent, credentials: environment, cmks: { guangzhou: { type: symmetric }, ap-guangzhou/1: { type: sm2 } } }',
      [
        '3:63 kms.one.cmks.guangzhou: expected <region>/<key id>',
        "3:113 kms.one.cmks.ap-guangzhou/1.type: expected 'symmetric' or 'rsa-2048' (SM2 is not supported)",
      ],
    ],
    [
      'tencent: a public key that is none',
      '{ provider: tencent, cmks: { ap-guangzhou/1: { type: rsa-2048, publicKey: hunter2 } } }',
      ['3:71 kms.one.cmks.ap-guangzhou/1.publicKey: expected the public key of an RSA-2048 CMK in PEM form'],
    ],
    [
      'aws',
      "{ provider: aws, credentials: { accessKeyId: hunter2, secretAccessKey: '' }, endpoint: 'http://hunter2', region: x }",
      [
        '3:62 kms.one.credentials.secretAccessKey: expected visible ASCII characters',
        '3:85 kms.one.endpoint: expected https, because DEKs travel over this connection; plain http is only for loopback addresses',
        '3:113 kms.one.region: unknown member; expected provider, credentials, cmks, endpoint, requestTimeout, quota',
      ],
    ],
    [
      'vault',
      "{ provider: vault, address: 'ftp://hunter2', auth: { method: token, token: 5, role: hunter2 }, ca: hunter2, mount: .. }",
      [
        '3:3 kms.one.name: missing; expected a DNS name of yours, such as transit.vault.example.com',
        '3:27 kms.one.address: expected a URL such as https://kms.example.com',
        '3:76 kms.one.auth.token: expected visible ASCII characters',
        '3:86 kms.one.auth.role: unknown member; expected method, token',
        '3:103 kms.one.ca: expected certificates in PEM form',
        '3:116 kms.one.mount: expected a path such as transit or team/transit',
      ],
    ],
    [
      'vault: an unknown method',
      `{ ${VAULT}, auth: { method: ldap, password: hunter2 } }`,
      ["3:100 kms.one.auth.method: expected 'token', 'token-file', 'approle' or 'kubernetes'"],
    ],
    [
      'vault: members that exclude each other',
      `{ ${VAULT}, auth: { method: approle, roleId: r, secretId: hunter2, secretIdFile: hunter2 } }`,
      ['3:147 kms.one.auth.secretIdFile: cannot be combined with `secretId`'],
    ],
    [
      'gcp',
      "{ provider: gcp, accessToken: hunter2, token: 'hunter2 hunter2', quota: 0, requestTimeout: 5 }",
      [
        '3:25 kms.one.accessToken: unknown member; expected provider, token, endpoint, ca, requestTimeout, quota, caFile',
        '3:47 kms.one.token: expected an access token: visible ASCII characters',
        '3:73 kms.one.quota: expected a number above 0 and at most 100,000',
        '3:83 kms.one.requestTimeout: expected a unit, "5s" or "5ms": a number is milliseconds',
      ],
    ],
    [
      'azure',
      "{ provider: azure, hosts: { HUNTER2: { type: vault, scope: 'http://hunter2' } } }",
      [
        '3:3 kms.one.token: missing; expected an access token: visible ASCII characters',
        '3:36 kms.one.hosts.HUNTER2: expected a host such as vault.example.com:8443, in small letters',
        '3:60 kms.one.hosts.HUNTER2.scope: expected a scope such as https://vault.azure.net/.default',
      ],
    ],
    [
      'pkcs11',
      '{ provider: pkcs11, library: hunter2.so, token: "hunter2 hunter2", pin: 5, slot: 1 }',
      [
        '3:28 kms.one.library: expected an absolute path',
        '3:49 kms.one.token: expected 1 to 32 characters A-Z a-z 0-9 . _ -',
        '3:75 kms.one.pin: expected a PIN of 1 to 256 characters',
        '3:83 kms.one.slot: unknown member; expected provider, library, token, pin, pinFile, requestTimeout',
      ],
    ],
    [
      'pkcs11: members that exclude each other',
      '{ provider: pkcs11, library: /opt/hsm.so, token: t, pin: hunter2, pinFile: pin.txt }',
      ['3:74 kms.one.pinFile: cannot be combined with `pin`'],
    ],
    [
      'a file of certificates that is missing',
      '{ provider: gcp, token: hunter2, caFile: hunter3.pem }',
      ['3:41 kms.one.caFile: file not found'],
    ],
    [
      'a file of certificates that has none',
      '{ provider: gcp, token: hunter2, caFile: kafka-envelope.yaml }',
      ['3:41 kms.one.caFile: expected a file of at most 1048576 bytes with certificates in PEM form'],
    ],
    [
      'certificates twice',
      "{ provider: gcp, token: hunter2, caFile: x, ca: '-----BEGIN CERTIFICATE-----' }",
      ['3:41 kms.one.caFile: cannot be combined with `ca`'],
    ],
  ])(
    'a mistake in a KMS of a file is reported with its place, and without its value: %s',
    async (_, entry, expected) => {
      expect(await mistakes(fileWith(entry))).toEqual(expected)
    },
  )

  it('a mistake in a KMS of a file is placed at its member, and at the KMS if the member is missing', async () => {
    const text = fileWith(
      '\n    provider: vault\n    address: x\n    auth:\n      method: token\n      token: 5\n',
    )
    expect((await mistakes(text)).map((line) => line.split(': ')[0])).toEqual([
      '3:3 kms.one.name',
      '5:5 kms.one.address',
      '8:7 kms.one.auth.token',
    ])
  })

  it('a mistake in a KMS of a file does not hide another, of another KMS or of another part', async () => {
    const text = `${fileWith('{ provider: gcp, token: 1 }').replace(
      'cmks:',
      "  two: { provider: tencent }\n  three: { provider: tencent, credentials: '${GONE}' }\n  '__proto__': {}\ncmks:",
    )}cache: { ttl: soon }\n`
    expect((await mistakes(text)).map((line) => line.split(': ')[0])).toEqual([
      '3:25 kms.one.token',
      '4:3 kms.two.credentials',
      '5:31 kms.three.credentials',
      '6:3 kms.__proto__',
      '10:10 cache.ttl',
    ])
  })

  it('a mistake in a KMS of a file shows a variable by name, never by value, nor the text around it', async () => {
    const env = { TOKEN: 'hunter2 ', PLAIN: 'hunter2\u00e4' }
    expect(await mistakes(fileWith("{ provider: gcp, token: '${TOKEN}' }"), env)).toEqual([
      '3:25 kms.one.token: expected an access token: visible ASCII characters; got "${TOKEN}", and TOKEN begins or ends with white space or a line break',
    ])
    expect(await mistakes(fileWith("{ provider: gcp, token: '${PLAIN}' }"), env)).toEqual([
      '3:25 kms.one.token: expected an access token: visible ASCII characters; got "${PLAIN}"',
    ])
    expect(await mistakes(fileWith("{ provider: gcp, token: 'hunter2${TOKEN}' }"), env)).toEqual([
      '3:25 kms.one.token: expected an access token: visible ASCII characters; got a text in which TOKEN begins or ends with white space or a line break',
    ])
    expect(await mistakes(fileWith("{ provider: '${PLAIN}' }"), env)).toHaveLength(1)
  })

  it('a mistake in the name of a KMS is refused', async () => {
    const text = fileWith('{ provider: local, keyring: x }').replace('  one:', '  "o ne":')
    expect(await mistakes(text)).toContain('3:3 kms["o ne"]: expected 1 to 256 of A-Z a-z 0-9 _ . : * / -')
    expect(await mistakes(text.replace('keyring: x', 'keyring: 5, pin: hunter2'))).toHaveLength(4)
    expect(await mistakes(text.replace(/kms:\n.*\n/, 'kms: []\n'))).toContain(
      '2:1 kms: expected an object of KMSs by name; got a list',
    )
  })
})

describe('clients of the KMSs in a file', () => {
  it('clients of the KMSs in a file are closed if a later one cannot be made', async () => {
    const closed: string[] = []
    const make = (name: string, fails = false): [string, () => Kms] => [
      name,
      () => {
        if (fails) throw new Error('cannot be made')
        const close = (): Promise<void> => {
          closed.push(name)
          return name === 'a' ? Promise.reject(new Error('cannot be closed')) : Promise.resolve()
        }
        return Object.assign(new MemoryKms(), { close })
      },
    ]
    const kmses = new Map([make('a'), make('b'), make('c', true), make('d')])
    await expect(makeKmses(kmses)).rejects.toThrow('cannot be made')
    expect(closed).toEqual(['a', 'b'])
  })

  it('clients of the KMSs in a file report a keyring that others may read when they are used', async () => {
    const keyring = join(folder, 'open.keyring')
    await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
    await chmod(keyring, 0o644)
    expect(dirname(keyring)).toBe(folder)
    const config = await load(fileWith('{ provider: local, keyring: open.keyring }', 'orders'))
    await expect(createEncryption(config)).rejects.toMatchObject({ code: 'KEYRING_EXPOSED' })
  })
})
