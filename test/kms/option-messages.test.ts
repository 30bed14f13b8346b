import { describe, expect, it } from 'vitest'
import { isEnvelopeError, type ConfigIssue } from '../../src/errors.js'
import { awsKms } from '../../src/kms/aws/index.js'
import { azureKms } from '../../src/kms/azure/index.js'
import { gcpKms } from '../../src/kms/gcp/index.js'
import type { Kms } from '../../src/kms/kms.js'
import { localKms } from '../../src/kms/local/index.js'
import { memoryKms } from '../../src/kms/memory/index.js'
import { pkcs11Kms } from '../../src/kms/pkcs11/index.js'
import { tencentKms } from '../../src/kms/tencent/index.js'
import { vaultKms } from '../../src/kms/vault/index.js'

type Options = Readonly<Record<string, unknown>>

interface Row {
  readonly factory: (options: never) => Kms
  /** Each option, with values that have mistakes deeper inside. */
  readonly options: Readonly<Record<string, readonly unknown[]>>
  readonly required: Options
}

const ARN = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const TENCENT = 'ap-guangzhou/1234abcd-12ab-34cd-56ef-1234567890ab'
const SECRET = 'hunter2'
const WRONG: readonly unknown[] = [null, 7, SECRET, true, [SECRET], {}, { [SECRET]: 1 }, Symbol(SECRET), NaN]

const cmks = (id: string) => [
  ...WRONG.map((wrong) => ({ [id]: wrong })),
  ...WRONG.map((wrong) => ({ [id]: { type: wrong } })),
  ...WRONG.map((wrong) => ({ [id]: { type: 'rsa-2048', publicKey: wrong } })),
  ...WRONG.map((wrong) => ({ [id]: { type: 'symmetric', dek: wrong } })),
]
const quota = WRONG.flatMap((wrong) => [{ symmetric: wrong }, { rsa: wrong }])

const ROWS: Readonly<Record<string, Row>> = {
  awsKms: {
    factory: awsKms,
    options: {
      credentials: WRONG.map((wrong) => ({ accessKeyId: SECRET, secretAccessKey: wrong, expiration: wrong })),
      client: [],
      cmks: cmks(ARN),
      endpoint: [],
      requestTimeout: [],
      quota,
    },
    required: {},
  },
  tencentKms: {
    factory: tencentKms,
    options: {
      credentials: WRONG.flatMap((wrong) => [
        { secretId: SECRET, secretKey: wrong },
        { getCredential: wrong },
      ]),
      client: [],
      cmks: cmks(TENCENT),
      endpoint: [],
      proxy: [],
      requestTimeout: [],
      quota,
    },
    required: { credentials: 'environment' },
  },
  vaultKms: {
    factory: vaultKms,
    options: {
      address: [],
      name: [],
      mount: [],
      namespace: [],
      auth: [
        ...['token', 'token-file', 'approle', 'kubernetes'].map((method) => ({ method })),
        ...WRONG.flatMap((wrong) => [
          { method: wrong },
          { method: 'token', token: wrong },
          { method: 'token-file', file: wrong },
          { method: 'approle', roleId: wrong, secretId: wrong, secretIdFile: wrong, mount: wrong },
          { method: 'kubernetes', role: wrong, tokenFile: wrong, mount: wrong },
        ]),
      ],
      ca: [],
      agent: [],
      requestTimeout: [],
    },
    required: {
      address: 'https://vault.example.com',
      name: 'transit.vault.example.com',
      auth: { method: 'token', token: 't' },
    },
  },
  azureKms: {
    factory: azureKms,
    options: {
      credential: WRONG.map((getToken) => ({ getToken })),
      hosts: [
        ...WRONG.map((wrong) => ({ 'vault.example.com': wrong })),
        ...WRONG.map((wrong) => ({ 'vault.example.com': { type: wrong, scope: wrong } })),
      ],
      cmks: WRONG.flatMap((wrong) => [
        { 'https://acme.vault.azure.net/keys/orders': wrong },
        { 'https://acme.vault.azure.net/keys/orders': { version: wrong, publicKey: wrong } },
        { 'https://acme.vault.azure.net/keys/orders': { version: '0'.repeat(32), publicKey: SECRET } },
      ]),
      ca: [],
      agent: [],
      requestTimeout: [],
      quota: [],
    },
    required: { credential: { getToken: () => Promise.resolve(null) } },
  },
  gcpKms: {
    factory: gcpKms,
    options: {
      accessToken: WRONG.map((getAccessToken) => ({ getAccessToken })),
      endpoint: [],
      ca: [],
      agent: [],
      requestTimeout: [],
      quota: [],
    },
    required: { accessToken: () => Promise.resolve('') },
  },
  pkcs11Kms: {
    factory: pkcs11Kms,
    options: { library: [], token: [], pin: [], pinFile: [], requestTimeout: [] },
    required: { library: '/usr/lib/hsm.so', token: 'payments', pin: '4711' },
  },
  memoryKms: {
    factory: memoryKms,
    options: { cmks: WRONG.map((wrong) => [wrong]) },
    required: { cmks: ['orders'] },
  },
  localKms: { factory: localKms, options: { keyring: [] }, required: { keyring: 'keyring.json' } },
}

/** The mistakes in these options. */
function issuesOf(factory: Row['factory'], options: unknown): readonly ConfigIssue[] {
  try {
    factory(options as never)
    return []
  } catch (error) {
    if (!isEnvelopeError(error) || error.code !== 'CONFIG_INVALID') throw error
    return error.issues
  }
}

describe.each(Object.entries(ROWS))('the messages of %s', (name, { factory, options, required }) => {
  it(`${name} accepts the options that it needs`, () => {
    expect(issuesOf(factory, required)).toEqual([])
  })

  it.each(Object.keys(required))(`${name} says that %s is missing, or what it expects`, (member) => {
    const found = issuesOf(factory, { ...required, [member]: undefined })
    const { [member]: _, ...others } = required
    expect(issuesOf(factory, others).map(({ path }) => path)).toEqual([member])
    expect(found.map(({ path }) => path)).toEqual([member])
    expect(issuesOf(factory, others)[0]?.message).toMatch(/^(?:missing; )?(?:expected|pass) \S+ \S+/)
  })

  it(`each mistake in the options of ${name} has a message of this library, which repeats no value`, () => {
    const mistaken = [
      undefined,
      ...WRONG,
      { ...required, unknown: SECRET },
      ...Object.entries(options).flatMap(([member, deeper]) =>
        [...WRONG, ...deeper].map((value) => ({ ...required, [member]: value })),
      ),
    ]
    const messages = mistaken.flatMap((each) => issuesOf(factory, each)).map(({ message }) => message)
    expect(messages.length).toBeGreaterThan(Object.keys(options).length)
    for (const message of messages) {
      expect(message).not.toMatch(/Invalid|received|undefined/)
      expect(message).not.toContain(SECRET)
    }
  })
})
