import fc from 'fast-check'

/** Good and bad configuration files, for tests that compare the schema with the checker. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
export type Path = readonly (string | number)[]

const GIB = 2 ** 30
const DAY = 86_400_000

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const KEY = '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n'
const ARN = 'arn:aws:kms:eu-west-1:111122223333:key'

/** One of each provider, and of each form that members of it have. */
const KMSES: Json = {
  gz: { provider: 'local', keyring: './gz.keyring' },
  tencent: {
    provider: 'tencent',
    credentials: { secretId: 'id', secretKey: 'key', token: 'token' },
    cmks: {
      'ap-guangzhou/1': { type: 'symmetric', dek: 'generate' },
      'ap-guangzhou/2': { type: 'rsa-2048', publicKey: KEY },
    },
    endpoint: 'regional',
    proxy: 'http://proxy.example.com:3128',
    requestTimeout: '10s',
    quota: { symmetric: 240, rsa: 160 },
  },
  aws: {
    provider: 'aws',
    credentials: { accessKeyId: 'id', secretAccessKey: 'key', sessionToken: 'token' },
    cmks: {
      [`${ARN}/1`]: { type: 'symmetric', dek: 'encrypt' },
      [`${ARN}/2`]: { type: 'rsa-3072', publicKey: KEY },
    },
    endpoint: 'https://kms.{region}.example.com',
    requestTimeout: '10s',
    quota: { symmetric: 4400, rsa: 400 },
  },
  vault: {
    provider: 'vault',
    address: 'https://vault.example.com:8200',
    name: 'transit.vault.example.com',
    mount: 'team/transit',
    namespace: 'team',
    auth: { method: 'token', token: 'token' },
    ca: PEM,
    caFile: './ca.pem',
    requestTimeout: '10s',
  },
  'vault-file': vault({ method: 'token-file', file: './token' }),
  'vault-approle': vault({
    method: 'approle',
    roleId: 'role',
    secretId: 'secret',
    mount: 'approle',
  }),
  'vault-approle-file': vault({ method: 'approle', roleId: 'role', secretIdFile: './secret' }),
  'vault-pod': vault({ method: 'kubernetes', role: 'orders', tokenFile: './token', mount: 'kubernetes' }),
  gcp: {
    provider: 'gcp',
    token: 'token',
    endpoint: 'https://cloudkms.googleapis.com',
    quota: 800,
    ca: PEM,
    caFile: './ca.pem',
    requestTimeout: '10s',
  },
  azure: {
    provider: 'azure',
    token: 'token',
    hosts: { 'vault.example.com:8443': { type: 'vault', scope: 'https://vault.azure.net/.default' } },
    cmks: { 'https://acme.vault.azure.net/keys/orders': { version: '0'.repeat(32), publicKey: KEY } },
    quota: 320,
    ca: PEM,
    caFile: './ca.pem',
    requestTimeout: '10s',
  },
  pkcs11: {
    provider: 'pkcs11',
    library: '/opt/hsm/pkcs11.so',
    token: 'orders',
    pin: '1234',
    pinFile: './pin',
    requestTimeout: '10s',
  },
}

function vault(auth: Json): Json {
  return { provider: 'vault', address: 'http://127.0.0.1:8200', name: 'a.b', auth }
}

export const good: readonly Json[] = [
  {
    $schema: './config.schema.json',
    version: 1,
    kms: KMSES,
    cmks: {
      main: [
        { kms: 'gz', id: 'ap-guangzhou/1' },
        { kms: 'sh', id: 'ap-shanghai/1' },
      ],
    },
    topics: [
      {
        name: 'pay',
        match: ['payments.*', 'orders'],
        encrypt: {
          cmk: 'main',
          rotate: {
            maxAge: '24h',
            maxMessages: 50_000_000,
            maxBytes: '64GiB',
            prefetch: '10m',
            allowFrequentRotation: false,
            grace: '2h',
          },
          context: { app: 'pay' },
          bindKey: true,
          bindHeaders: ['type', 'ü'],
          compression: 'gzip',
          sealUnder: 'all',
          dekScope: 'topic',
          tombstones: 'reject',
          passSealed: true,
          maxBatchBytes: '1MiB',
          dekTimeout: '30s',
        },
        decrypt: {
          cmk: ['main'],
          originalTopics: ['src.payments.*'],
          acceptPublicKeySealing: false,
          require: { bindKey: true, bindHeaders: ['type'], context: { app: 'pay' } },
          tombstones: 'reject',
          onInvalid: { deadLetter: 'pay.dlq' },
          onUnreadable: { deadLetter: 'pay.unreadable' },
          maxInvalidShare: 0.1,
          plaintext: {
            untilOffsets: { orders: { 0: '18203', 1: '17999' } },
            fingerprints: ['0123456789abcdef'],
          },
          maxDecompressedBytes: '16MiB',
        },
      },
      { match: ['metrics.*'], passthrough: true },
    ],
    overrides: [
      {
        topic: 'orders',
        partition: 0,
        offset: '1500',
        valueSha256: 'a'.repeat(64),
        code: 'AUTHENTICATION_FAILED',
        action: 'skip',
        until: '2026-12-31T18:00:00Z',
        by: 'ops@example.com',
        why: 'INC-42: a mirror damaged it',
      },
      {
        topic: 'payments.eu',
        partition: 3,
        offset: '0',
        code: 'NO_CANDIDATE',
        action: { deadLetter: 'pay.dlq' },
        until: '2026-12-31T18:00:00.5+08:00',
        by: 'ops',
        why: 'ü',
      },
    ],
    dictionaries: { orders: { file: './orders.dict' }, old: { base64: 'eyJvcmRlciI6' } },
    cache: { maxDeks: 10_000, ttl: '1h' },
    kmsTimeout: '10s',
    kmsRetries: 2,
    kmsRateLimit: { sealing: { perSecond: 50, burst: 100 }, opening: { perSecond: 0.5, burst: 300 } },
  },
  {
    version: 1,
    cmks: { main: [{ kms: 'gz', id: 'x' }] },
    topics: [
      {
        match: ['*'],
        encrypt: { cmk: 'main', rotate: {} },
        decrypt: { cmk: 'main', plaintext: { untilOffsets: {} }, require: {} },
      },
    ],
    cache: {},
    kmsRateLimit: { sealing: {}, opening: {} },
  },
  {
    version: 1,
    cmks: { main: [{ kms: 'gz', id: 'x' }] },
    topics: [
      { match: ['a'], encrypt: { cmk: 'main', provisionedDek: { file: './dek.txt' } } },
      { match: ['b'], encrypt: { cmk: 'main', provisionedDek: { text: 'x' } } },
      { match: ['c'], encrypt: { cmk: 'main', compression: { dictionary: 'orders' } } },
    ],
    dictionaries: { orders: { file: './orders.dict' }, old: { base64: 'eyJvcmRlciI6' } },
  },
  {
    version: 1,
    cmks: {},
    topics: [{ match: ['a'], passthrough: true }],
  },
]

export function at(value: Json, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(
    (parent, key) =>
      typeof parent === 'object' && parent !== null
        ? (parent as Record<string | number, Json>)[key]
        : undefined,
    value,
  )
}

/** The same with another value at a path; undefined removes the member or item. */
export function put(value: Json, [key, ...rest]: Path, replacement: Json | undefined): Json {
  if (key === undefined) return replacement ?? null
  if (typeof value !== 'object' || value === null) return value
  const inner =
    rest.length === 0
      ? replacement
      : put((value as Record<string | number, Json>)[key] ?? {}, rest, replacement)
  if (Array.isArray(value)) {
    const items = value as readonly Json[]
    return items.flatMap((item, i) => (i === key ? (inner === undefined ? [] : [inner]) : [item]))
  }
  const others = Object.entries(value).filter(([name]) => name !== String(key))
  return Object.fromEntries(inner === undefined ? others : [...others, [String(key), inner]])
}

const texts = [
  '',
  'x',
  ' ',
  'a b',
  'x'.repeat(300),
  '\u{10000}',
  '\ud800',
  'a*',
  'main',
  '__proto__',
  'true',
  '1',
  '24h',
]
const types: readonly Json[] = [
  null,
  true,
  false,
  -1,
  0,
  0.5,
  1,
  1e300,
  [],
  {},
  ['x'],
  [1],
  { x: 1 },
  ...texts,
]

const durations = (min: number, max: number): Json[] => [
  ...[min - 1, min, min + 0.5, max, max + 1, 1, 999, 1000, 59_999, 60_000],
  ...[`${String(min - 1)}ms`, `${String(min)}ms`, `${String(max)}ms`, `${String(max + 1)}ms`],
  ...[
    '1ms',
    '1s',
    '59s',
    '01s',
    '1.5s',
    '1 s',
    '1S',
    '1d',
    '0d',
    '1m',
    '61m',
    '7d',
    '8d',
    '365d',
    '366d',
    '24h',
    '25h',
    '999999d',
    '9999999999999999d',
    'h',
    '1',
    '-1s',
    '1GiB',
  ],
  ...(max % DAY === 0 ? [`${String(max / DAY)}d`, `${String(max / DAY + 1)}d`] : []),
]
const sizes = (min: number, max: number): Json[] => [
  ...[min - 1, min, min + 0.5, max, max + 1],
  ...[`${String(min - 1)}B`, `${String(min)}B`, `${String(max)}B`, `${String(max + 1)}B`],
  ...[
    '1B',
    '1KiB',
    '1023KiB',
    '1024KiB',
    '1MiB',
    '01MiB',
    '1mib',
    '1MB',
    '1GiB',
    '2GiB',
    '1TiB',
    '24h',
    'MiB',
  ],
  ...[`${String(Math.floor(max / GIB))}GiB`, `${String(Math.floor(max / GIB) + 1)}GiB`],
]
const counts = (min: number, max: number): Json[] => [
  min - 1,
  min,
  min + 0.5,
  min + 1,
  max,
  max + 1,
  999,
  1000,
]
const shares = (min: number, max: number): Json[] => [min - 0.01, min, (min + max) / 2, max, max + 0.01]
const names: Json[] = ['a', 'A-Z_:.*/', 'x'.repeat(256), 'x'.repeat(257), 'ä']
const topics: Json[] = ['a', 'A-Z_.', 'x'.repeat(249), 'x'.repeat(250), 'a/b']
const contexts: Json[] = [
  {},
  ...['constructor', 'prototype', '__proto__', 'a b', 'x'.repeat(128), 'x'.repeat(129), ''].map((key) =>
    own(key, 'x'),
  ),
  ...['', 'a b', 'a:/@=+-', 'x'.repeat(128), 'x'.repeat(129), 5].map((value) => ({ a: value })),
]
const headers: Json[] = [
  [],
  ['a'],
  ['a', 'b'],
  ['a', 'a'],
  [''],
  ['x'.repeat(256)],
  ['x'.repeat(257)],
  ['\ud800'],
  ['\u{10000}'],
  Array.from({ length: 32 }, (_, i) => String(i)),
  Array.from({ length: 33 }, (_, i) => String(i)),
]

/** An object with one member, even if its name has a special meaning in JavaScript. */
function own(name: string, value: Json): Json {
  return Object.fromEntries([[name, value]])
}

const visible: Json[] = ['!', '~', 'a b', 'ä', 'x\n']
const addresses: Json[] = [
  'https://a.example.com',
  'http://localhost',
  'ftp://a.example.com',
  'a.example.com',
]
const keys: Json[] = [KEY]
const certificates: Json[] = [PEM, KEY]
const rates: Json[] = [0, 0.5, 1e5, 100_001]
const requestTimeout: Json[] = durations(1, 60_000)

/** Each member of a KMS, with values to try. The members of unions and variants are those of the first good file. */
const triedOfKmses: readonly (readonly [path: Path, values: readonly Json[]])[] = [
  [
    ['gz'],
    [
      { provider: 'local' },
      { provider: 'tencent' },
      { provider: 'other' },
      { keyring: 'x' },
      { provider: 'aws' },
    ],
  ],
  [
    ['gz', 'provider'],
    ['tencent', 'Local', 'other'],
  ],
  [['gz', 'keyring'], []],
  [['tencent', 'provider'], []],
  [
    ['tencent', 'credentials'],
    ['environment', 'profile', 'cvm-role', 'tke-oidc', 'Environment', { secretId: 'x' }],
  ],
  [['tencent', 'credentials', 'secretId'], visible],
  [['tencent', 'credentials', 'secretKey'], visible],
  [['tencent', 'credentials', 'token'], visible],
  [
    ['tencent', 'cmks'],
    [
      own('__proto__', { type: 'symmetric' }),
      ...['ap-guangzhou/1', 'ap-guangzhou', 'AP/1', 'ap-guangzhou/a/b'].map((id) =>
        own(id, { type: 'symmetric' }),
      ),
    ],
  ],
  [
    ['tencent', 'cmks', 'ap-guangzhou/1'],
    [{ type: 'symmetric' }, { type: 'sm2' }, { type: 'rsa-2048' }],
  ],
  [
    ['tencent', 'cmks', 'ap-guangzhou/1', 'type'],
    ['rsa-2048', 'sm2'],
  ],
  [
    ['tencent', 'cmks', 'ap-guangzhou/1', 'dek'],
    ['encrypt', 'local'],
  ],
  [['tencent', 'cmks', 'ap-guangzhou/2', 'type'], ['symmetric']],
  [['tencent', 'cmks', 'ap-guangzhou/2', 'publicKey'], keys],
  [
    ['tencent', 'endpoint'],
    ['internal', 'international', 'national', '127.0.0.1:7030', ...addresses],
  ],
  [
    ['tencent', 'proxy'],
    ['https://proxy.example.com', 'proxy.example.com:3128'],
  ],
  [['tencent', 'requestTimeout'], requestTimeout],
  [['tencent', 'quota'], []],
  [['tencent', 'quota', 'symmetric'], rates],
  [['tencent', 'quota', 'rsa'], rates],
  [['aws', 'provider'], []],
  [['aws', 'credentials'], [{ accessKeyId: 'x' }]],
  [['aws', 'credentials', 'accessKeyId'], visible],
  [['aws', 'credentials', 'secretAccessKey'], visible],
  [['aws', 'credentials', 'sessionToken'], visible],
  [
    ['aws', 'cmks'],
    [`${ARN}/1`, ARN, 'arn:aws:kms:eu-west-1:111122223333:alias/a'].map((arn) =>
      own(arn, { type: 'symmetric' }),
    ),
  ],
  [
    ['aws', 'cmks', `${ARN}/1`, 'type'],
    ['rsa-2048', 'rsa-1024'],
  ],
  [
    ['aws', 'cmks', `${ARN}/1`, 'dek'],
    ['generate', 'local'],
  ],
  [
    ['aws', 'cmks', `${ARN}/2`, 'type'],
    ['rsa-2048', 'rsa-4096', 'rsa-1024'],
  ],
  [['aws', 'cmks', `${ARN}/2`, 'publicKey'], keys],
  [['aws', 'endpoint'], addresses],
  [['aws', 'requestTimeout'], requestTimeout],
  [['aws', 'quota'], []],
  [['aws', 'quota', 'symmetric'], rates],
  [['aws', 'quota', 'rsa'], rates],
  [['vault', 'provider'], []],
  [['vault', 'address'], addresses],
  [
    ['vault', 'name'],
    ['a.b', 'a', 'A.b', `${'a'.repeat(126)}.b`, `${'a'.repeat(127)}.b`],
  ],
  [
    ['vault', 'mount'],
    ['a/b', '/a', 'a/', '..', 'a/../b', '...a'],
  ],
  [
    ['vault', 'namespace'],
    ['a/b', 'a//b', '.'],
  ],
  [
    ['vault', 'auth'],
    [{ method: 'token' }, { method: 'ldap' }, { token: 'x' }],
  ],
  [
    ['vault', 'auth', 'method'],
    ['approle', 'ldap'],
  ],
  [
    ['vault', 'auth', 'token'],
    [...visible, 'x'.repeat(8192), 'x'.repeat(8193)],
  ],
  [['vault', 'ca'], certificates],
  [['vault', 'caFile'], []],
  [['vault', 'requestTimeout'], requestTimeout],
  [['vault-file', 'auth', 'method'], []],
  [['vault-file', 'auth', 'file'], []],
  [['vault-approle', 'auth', 'method'], []],
  [['vault-approle', 'auth', 'roleId'], visible],
  [['vault-approle', 'auth', 'secretId'], visible],
  [['vault-approle-file', 'auth', 'secretIdFile'], []],
  [
    ['vault-approle', 'auth', 'mount'],
    ['a/b', '..'],
  ],
  [['vault-pod', 'auth', 'method'], []],
  [['vault-pod', 'auth', 'role'], visible],
  [['vault-pod', 'auth', 'tokenFile'], []],
  [
    ['vault-pod', 'auth', 'mount'],
    ['a/b', '..'],
  ],
  [['gcp', 'provider'], []],
  [
    ['gcp', 'token'],
    [...visible, 'x'.repeat(16_384), 'x'.repeat(16_385)],
  ],
  [['gcp', 'endpoint'], addresses],
  [['gcp', 'quota'], rates],
  [['gcp', 'ca'], certificates],
  [['gcp', 'caFile'], []],
  [['gcp', 'requestTimeout'], requestTimeout],
  [['azure', 'provider'], []],
  [['azure', 'token'], visible],
  [
    ['azure', 'hosts'],
    ['a.example.com', 'A.example.com', 'a b'].map((host) => own(host, { type: 'vault', scope: 'https://a' })),
  ],
  [
    ['azure', 'hosts', 'vault.example.com:8443', 'type'],
    ['managed-hsm', 'hsm'],
  ],
  [
    ['azure', 'hosts', 'vault.example.com:8443', 'scope'],
    ['https://a', 'http://a', 'https://a b'],
  ],
  [['azure', 'quota'], rates],
  [['azure', 'ca'], certificates],
  [['azure', 'caFile'], []],
  [['azure', 'requestTimeout'], requestTimeout],
  [['azure', 'cmks'], []],
  [
    ['azure', 'cmks', 'https://acme.vault.azure.net/keys/orders', 'version'],
    ['a'.repeat(32), 'A'.repeat(32)],
  ],
  [['azure', 'cmks', 'https://acme.vault.azure.net/keys/orders', 'publicKey'], keys],
  [['pkcs11', 'provider'], []],
  [
    ['pkcs11', 'library'],
    ['/a', 'a', './a'],
  ],
  [
    ['pkcs11', 'token'],
    ['a'.repeat(32), 'a'.repeat(33), 'a.b_c-d'],
  ],
  [
    ['pkcs11', 'pin'],
    ['x'.repeat(256), 'x'.repeat(257)],
  ],
  [['pkcs11', 'pinFile'], []],
  [['pkcs11', 'requestTimeout'], requestTimeout],
]

const override = (offset: number): Json => ({
  ...{ topic: 'orders', partition: 0, offset: String(offset), code: 'MALFORMED', action: 'skip' },
  ...{ until: '2026-12-31T18:00:00Z', by: 'ops', why: 'INC-42' },
})
const overrides: readonly (readonly [path: Path, values: readonly Json[]])[] = [
  [[], [1000, 1001].map((length) => Array.from({ length }, (_, i) => override(i)))],
  [[0, 'topic'], topics],
  [[0, 'partition'], counts(0, 2 ** 31 - 1)],
  [
    [0, 'offset'],
    ['0', '00', '01', '9'.repeat(19), '9'.repeat(20), '-1', '1.5', 1500],
  ],
  [
    [0, 'valueSha256'],
    ['0'.repeat(64), '0'.repeat(63), 'A'.repeat(64)],
  ],
  [
    [0, 'code'],
    ['MALFORMED', 'KMS_DENIED', 'KMS_TIMEOUT', 'TOO_MANY_BAD_RECORDS', 'TOPIC_NOT_CONFIGURED', 'malformed'],
  ],
  [
    [0, 'action'],
    ['stop', { deadLetter: 'dead' }, { deadLetter: 'a b' }, { value: null }],
  ],
  [[1, 'action', 'deadLetter'], topics],
  [
    [0, 'until'],
    [
      ...[
        '2026-12-31',
        '2026-12-31T18:00:00',
        '2026-12-31T18:00Z',
        '2026-12-31T18:00:00.123Z',
        '2026-02-30T00:00Z',
      ],
      ...[
        '2026-12-31T24:00:00Z',
        '2026-13-01T00:00Z',
        '2026-00-01T00:00Z',
        '2026-01-32T00:00Z',
        '2030-01-01T00:00Z',
      ],
      ...['2026-12-31T18:00:00+23:59', '2026-12-31T18:00:00+24:00', '2026-12-31t18:00:00z', '7d'],
    ],
  ],
  ...(['by', 'why'] as const).map((member): readonly [Path, readonly Json[]] => [
    [0, member],
    [
      ...[
        'a b',
        ' a',
        'a ',
        '\t',
        'a\n',
        'a\u2028',
        'a\u202e',
        'a\u200b',
        '\u00a0a',
        'ü',
        '\u{10000}',
        '运维',
      ],
      ...[200, 201, 500, 501].map((length) => 'x'.repeat(length)),
      ...[200, 500].map((length) => '\u{1f600}'.repeat(length)),
    ],
  ]),
]

/** Values to try at each member of the first good file, besides those of every type. */
const tried: readonly (readonly [path: Path, values: readonly Json[]])[] = [
  [['$schema'], []],
  [['version'], [2, 1.5, '1']],
  [['kms'], [own('__proto__', {}), own('a b', { provider: 'local', keyring: 'x' })]],
  ...triedOfKmses.map(([path, values]) => [['kms', ...path], values] as const),
  [
    ['cmks'],
    [
      own('__proto__', []),
      own('constructor', [{ kms: 'a', id: 'b' }]),
      own('x'.repeat(257), [{ kms: 'a', id: 'b' }]),
      { ä: [] },
    ],
  ],
  [
    ['cmks', 'main'],
    [
      Array.from({ length: 5 }, (_, i) => ({ kms: 'a', id: String(i) })),
      Array.from({ length: 6 }, (_, i) => ({ kms: 'a', id: String(i) })),
      [
        { kms: 'a', id: 'x' },
        { id: 'x', kms: 'a' },
      ],
    ],
  ],
  [['cmks', 'main', 0, 'kms'], names],
  [
    ['cmks', 'main', 0, 'id'],
    ['!', '~', 'a b', 'x'.repeat(256), 'x'.repeat(257), 'ä'],
  ],
  [['topics'], [[{ match: ['a'] }], [{ match: ['a'], passthrough: true }]]],
  [['topics', 0, 'name'], names],
  [
    ['topics', 0, 'match'],
    [['a', 'b'], ['x'.repeat(250)], ['a/b'], [5]],
  ],
  [['topics', 0, 'passthrough'], []],
  [['topics', 1, 'passthrough'], []],
  [['topics', 1, 'encrypt'], [{ cmk: 'main' }]],
  [['topics', 1, 'decrypt'], [{ cmk: 'main' }]],
  [['topics', 0, 'encrypt'], [{ cmk: 'main' }]],
  [['topics', 0, 'encrypt', 'cmk'], names],
  [
    ['topics', 0, 'encrypt', 'rotate'],
    [
      { maxMessages: 1 },
      { maxAge: 3600 },
      { maxAge: '59s' },
      { maxAge: '59999ms' },
      { maxAge: '60000ms' },
      { maxAge: 59_999, allowFrequentRotation: true },
      { maxMessages: 999, allowFrequentRotation: true },
      { maxBytes: '1023KiB' },
      { maxBytes: 5, allowFrequentRotation: true },
      { maxBytes: 5, allowFrequentRotation: false },
    ],
  ],
  [['topics', 0, 'encrypt', 'rotate', 'maxAge'], durations(1000, 365 * DAY)],
  [['topics', 0, 'encrypt', 'rotate', 'maxMessages'], counts(1, 2 ** 32)],
  [['topics', 0, 'encrypt', 'rotate', 'maxBytes'], sizes(1, 2 ** 38)],
  [['topics', 0, 'encrypt', 'rotate', 'prefetch'], durations(0, 365 * DAY)],
  [['topics', 0, 'encrypt', 'rotate', 'allowFrequentRotation'], []],
  [['topics', 0, 'encrypt', 'rotate', 'grace'], durations(0, 7 * DAY)],
  [
    ['topics', 0, 'encrypt', 'provisionedDek'],
    [{ text: 'x' }, { text: '' }, { file: '' }, { text: 'x', file: 'y' }, { text: 1 }],
  ],
  [['topics', 0, 'encrypt', 'provisionedDek', 'file'], []],
  [['topics', 0, 'encrypt', 'provisionedDek', 'text'], []],
  [
    ['topics', 0, 'encrypt', 'compression', 'dictionary'],
    ['', 'a b'],
  ],
  ...overrides.map(([path, values]) => [['overrides', ...path], values] as const),
  [['dictionaries'], [{ 'a b': { file: 'x' } }, { a: {} }, { a: 'x' }, { a: { file: 'x', base64: 'YQ==' } }]],
  [
    ['dictionaries', 'orders'],
    [{ file: '' }, { file: 1 }, { path: 'x' }],
  ],
  [['dictionaries', 'orders', 'file'], ['']],
  [
    ['dictionaries', 'old', 'base64'],
    [
      '',
      'YQ',
      'YQ==',
      'YQ=',
      'YWI=',
      'YWI',
      'YWJj',
      'YWJj\n',
      ' YWJj',
      'YW_j',
      '=',
      'A'.repeat(43_688),
      `${'A'.repeat(43_688)}YWI=`,
      'A'.repeat(43_692),
      'A'.repeat(43_696),
    ],
  ],
  [['topics', 0, 'encrypt', 'context'], contexts],
  [['topics', 0, 'encrypt', 'bindKey'], []],
  [['topics', 0, 'encrypt', 'bindHeaders'], headers],
  [
    ['topics', 0, 'encrypt', 'compression'],
    [
      'none',
      'zstd',
      'lz4',
      { dictionary: 'orders' },
      { dictionary: '' },
      { dictionary: 'a b' },
      {},
      { dictionary: 'a', level: 9 },
      { dictionary: 1 },
    ],
  ],
  [
    ['topics', 0, 'encrypt', 'sealUnder'],
    ['any', 'first'],
  ],
  [
    ['topics', 0, 'encrypt', 'dekScope'],
    ['rule', 'all'],
  ],
  [
    ['topics', 0, 'encrypt', 'tombstones'],
    ['pass', 'skip'],
  ],
  [['topics', 0, 'encrypt', 'passSealed'], []],
  [['topics', 0, 'encrypt', 'maxBatchBytes'], sizes(1024, 2 ** 31 - 1)],
  [['topics', 0, 'encrypt', 'dekTimeout'], durations(1, 3_600_000)],
  [['topics', 0, 'decrypt'], [{ cmk: 'main' }]],
  [
    ['topics', 0, 'decrypt', 'cmk'],
    [['main', 'main'], ['x'.repeat(257)], ...names],
  ],
  [
    ['topics', 0, 'decrypt', 'originalTopics'],
    [
      ...topics.map((topic) => [topic]),
      ['*'],
      ['a*'],
      ['a*b'],
      ['a**'],
      [`${'x'.repeat(248)}*`],
      [`${'x'.repeat(249)}*`],
    ],
  ],
  [['topics', 0, 'decrypt', 'acceptPublicKeySealing'], []],
  [['topics', 0, 'decrypt', 'require'], []],
  [['topics', 0, 'decrypt', 'require', 'bindKey'], []],
  [['topics', 0, 'decrypt', 'require', 'bindHeaders'], headers],
  [['topics', 0, 'decrypt', 'require', 'context'], contexts],
  [
    ['topics', 0, 'decrypt', 'tombstones'],
    ['pass', 'skip'],
  ],
  [
    ['topics', 0, 'decrypt', 'onInvalid'],
    ['stop', 'skip', 'ignore', 'deadLetter', {}],
  ],
  [['topics', 0, 'decrypt', 'onInvalid', 'deadLetter'], topics],
  [
    ['topics', 0, 'decrypt', 'onUnreadable'],
    ['stop', 'skip', 'ignore', 'deadLetter', {}],
  ],
  [['topics', 0, 'decrypt', 'onUnreadable', 'deadLetter'], topics],
  [['topics', 0, 'decrypt', 'maxInvalidShare'], shares(0, 1)],
  [
    ['topics', 0, 'decrypt', 'plaintext'],
    [{ untilOffsets: {} }, { fingerprints: [] }],
  ],
  [
    ['topics', 0, 'decrypt', 'plaintext', 'untilOffsets'],
    [
      own('__proto__', {}),
      own('a', own('constructor', '5')),
      ...['0', '00', '01', '9999999999', '99999999999', '-1', 'a'].map((p) => own('a', own(p, '5'))),
      ...['0', '9'.repeat(19), '9'.repeat(20), '-1', '1.0', ''].map((o) => own('a', own('0', o))),
      own('a/b', {}),
    ],
  ],
  [
    ['topics', 0, 'decrypt', 'plaintext', 'fingerprints'],
    [[], ['0123456789ABCDEF'], ['0123456789abcde'], ['0123456789abcdef', '0123456789abcdef']],
  ],
  [['topics', 0, 'decrypt', 'maxDecompressedBytes'], sizes(0, 2 ** 31 - 1)],
  [['cache'], []],
  [['cache', 'maxDeks'], counts(1, 1_000_000)],
  [['cache', 'ttl'], durations(1000, 7 * DAY)],
  [['kmsTimeout'], durations(1, 600_000)],
  [['kmsRetries'], counts(0, 5)],
  [['kmsRateLimit'], []],
  [['kmsRateLimit', 'sealing'], []],
  [['kmsRateLimit', 'sealing', 'perSecond'], shares(0.1, 10_000)],
  [['kmsRateLimit', 'sealing', 'burst'], counts(1, 100_000)],
  [['kmsRateLimit', 'opening'], []],
  [['kmsRateLimit', 'opening', 'perSecond'], shares(0.1, 10_000)],
  [['kmsRateLimit', 'opening', 'burst'], counts(1, 100_000)],
]

const strangers = ['unknown', '__proto__', 'constructor', 'toString', 'dekStore', 'client']

/** The file that a change at a path is made to: the first good one, with no KMS but the one that is changed. */
export function baseOf([member, name]: Path): Json {
  const file = good[0] as Json
  if (member !== 'kms') return put(file, ['kms'], undefined)
  return name === undefined ? file : put(file, ['kms'], { [name]: at(KMSES, [name]) ?? {} })
}

/** One change of the first good file each. */
export function variations(): { path: Path; value: Json | undefined }[] {
  const file = good[0] as Json
  return tried.flatMap(([path, values]) => {
    const here = at(file, path)
    const isObject = typeof here === 'object' && here !== null && !Array.isArray(here)
    return [
      ...[...values, ...types, undefined].map((value) => ({ path, value })),
      ...(isObject ? strangers.map((name) => ({ path: [...path, name], value: 'x' })) : []),
    ]
  })
}

const change = fc.constantFrom(...variations())

/** A good file after a few changes. */
export const mutated: fc.Arbitrary<Json> = fc
  .tuple(fc.constantFrom(...good), fc.array(change, { minLength: 1, maxLength: 4 }))
  .map(([file, changes]) => changes.reduce((changed, { path, value }) => put(changed, path, value), file))
