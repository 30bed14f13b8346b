import { describe, expect, it } from 'vitest'
import type { EncryptionConfig } from '../../src/index.js'
import { createEncryption } from '../../src/index.js'
import { checkConfig } from '../../src/config/check.js'
import { MemoryKms } from '../support/memory-kms.js'

const kms = { dev: new MemoryKms() }
const cmks = { main: [{ kms: 'dev', id: 'cmk' }] }
const config = (...topics: unknown[]): unknown => ({ kms, cmks, topics })

/** The mistakes of a configuration, as `path: message`. */
function mistakes(given: unknown): string[] {
  try {
    checkConfig(given as EncryptionConfig)
    return []
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', retriable: false })
    const { issues, message } = error as { issues: { path: string; message: string }[]; message: string }
    for (const { path } of issues) expect(message).toContain(path)
    return issues.map((issue) => `${issue.path}: ${issue.message}`)
  }
}

const tooMany = Array.from({ length: 17 }, (_, i) => String(i).padStart(250, 'h'))
const tooLong = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [String(i), 'v'.repeat(128)]))

const good = { match: ['a'], encrypt: { cmk: 'main' } }

describe('a configuration without mistakes', () => {
  it('a configuration without mistakes gets its defaults, in plain units', () => {
    const [rule] = checkConfig(config({ ...good, decrypt: { cmk: 'main' } }) as EncryptionConfig).rules
    expect(rule).toMatchObject({
      name: 'a',
      passthrough: false,
      encrypt: {
        rotate: { maxAgeMs: 86_400_000, maxMessages: 2 ** 32, maxBytes: 2 ** 38 },
        prefetchMs: 600_000,
        graceMs: 0,
        bindKey: true,
        bindHeaders: [],
        compression: 'none',
        dekScope: 'rule',
        tombstones: 'pass',
        passSealed: false,
        maxBatchBytes: 2 ** 20,
        dekTimeoutMs: 30_000,
        context: {},
      },
      decrypt: {
        cmks: ['main'],
        require: { bindKey: true, bindHeaders: [], context: {} },
        onInvalid: 'stop',
        onUnreadable: 'stop',
        maxInvalidShare: 0.5,
        maxDecompressedBytes: 2 ** 24,
        acceptPublicKeySealing: false,
      },
    })
  })

  it('a configuration without mistakes may pass dead letters on, and keep them under their own rule among the topics of a glob', () => {
    expect(
      mistakes(
        config(
          { match: ['a.*'], decrypt: { cmk: 'main', onInvalid: { deadLetter: 'a.dlq' } } },
          {
            match: ['a.dlq'],
            decrypt: { cmk: 'main', originalTopics: ['a.*'], onInvalid: { deadLetter: 'parked' } },
          },
          { match: ['parked'], decrypt: { cmk: 'main' } },
        ),
      ),
    ).toEqual([])
  })

  it('bound headers are put in the order of their bytes, which is not that of JavaScript strings', () => {
    const bindHeaders = ['\u{10000}', 'b', '\uffee', 'a']
    const [rule] = checkConfig(
      config({ match: ['a'], encrypt: { cmk: 'main', bindHeaders } }) as EncryptionConfig,
    ).rules
    expect(rule?.encrypt?.bindHeaders).toEqual(['a', 'b', '\uffee', '\u{10000}'])
  })

  it('an exact name may be used together with a glob that matches it', () => {
    expect(mistakes(config({ ...good, match: ['a.*'] }, { ...good, match: ['a.b'] }))).toEqual([])
  })
})

describe('a mistake', () => {
  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      '(root): missing; expected an object of kms, cmks, topics, dictionaries, overrides, cache, kmsTimeout, kmsRetries, kmsRateLimit, dekStore',
    ],
    [
      'a list',
      [],
      '(root): expected an object of kms, cmks, topics, dictionaries, overrides, cache, kmsTimeout, kmsRetries, kmsRateLimit, dekStore; got a list',
    ],
    ['no members', {}, 'kms: missing; expected an object of KMS clients by name'],
    [
      'unknown member',
      { ...(config(good) as object), topic: [] },
      'topic: unknown member; expected kms, cmks, topics, dictionaries, overrides, cache, kmsTimeout, kmsRetries, kmsRateLimit, dekStore',
    ],
    [
      'unknown member of a rule',
      config({ ...good, macth: ['x'] }),
      'topics[0].macth: unknown member; expected name, match, encrypt, decrypt, passthrough',
    ],
    [
      'a second unknown member',
      config({ ...good, macth: ['x'], raed: 1 }),
      'topics[0].raed: unknown member; expected name, match, encrypt, decrypt, passthrough',
    ],
    [
      'a list for an object',
      { ...(config(good) as object), cache: [] },
      'cache: expected an object of maxDeks, ttl; got a list',
    ],
    [
      'a list for names',
      config({ match: ['a'], encrypt: { cmk: 'main', context: ['x'] } }),
      'topics[0].encrypt.context: expected an object of texts; got a list',
    ],
    [
      'a name that would not be seen',
      config({
        match: ['a'],
        decrypt: { cmk: 'main', plaintext: { untilOffsets: { a: { constructor: '5' } } } },
      }),
      'topics[0].decrypt.plaintext.untilOffsets.a.constructor: this name cannot be used here',
    ],
    [
      'a member with the name of a prototype',
      config(JSON.parse('{"match":["a"],"passthrough":true,"__proto__":{}}')),
      'topics[0].__proto__: unknown member; expected name, match, encrypt, decrypt, passthrough',
    ],
    [
      'a name that no terminal should see',
      config({ ...good, '\u001b[2J': 1 }),
      'topics[0]["\\u001b[2J"]: unknown member; expected name, match, encrypt, decrypt, passthrough',
    ],
    ['no rule', config(), 'topics: expected at least one rule; got a list'],
    ['no topic', config({ ...good, match: [] }), 'topics[0].match: expected at least one topic; got a list'],
    [
      'bad topic',
      config({ ...good, match: ['a b'] }),
      'topics[0].match[0]: expected a topic name or glob: 1 to 249 of A-Z a-z 0-9 . _ - *; got "a b"',
    ],
    [
      'empty rule',
      config({ match: ['a'] }),
      'topics[0]: expected `encrypt`, `decrypt` or both, or `passthrough: true`',
    ],
    [
      'passthrough that encrypts',
      config({ ...good, passthrough: true }),
      'topics[0]: a passthrough rule cannot have encrypt',
    ],
    [
      'no KMS',
      { ...(config(good) as object), kms: { dev: {} } },
      'kms.dev: expected a KMS, for example localKms({ keyring }); got object',
    ],
    [
      'unknown KMS',
      { kms, cmks: { main: [{ kms: 'prod', id: 'x' }] }, topics: [good] },
      'cmks.main[0].kms: "prod" is not in `kms`, which has dev',
    ],
    [
      'no CMK',
      { kms, cmks: { main: [] }, topics: [good] },
      'cmks.main: expected at least one CMK; got a list',
    ],
    [
      'six CMKs',
      { kms, cmks: { main: [1, 2, 3, 4, 5, 6].map((n) => ({ kms: 'dev', id: String(n) })) }, topics: [good] },
      'cmks.main: expected at most 5 CMKs; got a list',
    ],
    [
      'a CMK twice',
      { kms, cmks: { main: [cmks.main[0], cmks.main[0]] }, topics: [good] },
      'cmks.main[1]: duplicate CMK',
    ],
    [
      'bad CMK id',
      { kms, cmks: { main: [{ kms: 'dev', id: 'a b' }] }, topics: [good] },
      'cmks.main[0].id: expected 1 to 256 visible ASCII characters; got "a b"',
    ],
    [
      'unknown CMK',
      config({ match: ['a'], encrypt: { cmk: 'other' } }),
      'topics[0].encrypt.cmk: "other" is not in `cmks`, which has main',
    ],
    [
      'prototype as CMK',
      config({ match: ['a'], encrypt: { cmk: 'constructor' } }),
      'topics[0].encrypt.cmk: "constructor" is not in `cmks`, which has main',
    ],
    [
      'unknown CMK to read',
      config({ match: ['a'], decrypt: { cmk: ['main', 'x'] } }),
      'topics[0].decrypt.cmk[1]: "x" is not in `cmks`, which has main',
    ],
    [
      'bad duration',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { maxAge: '1 week' } } }),
      'topics[0].encrypt.rotate.maxAge: expected a duration such as "500ms", "30s" or "24h"; got "1 week"',
    ],
    [
      'too short',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { maxAge: 5 } } }),
      'topics[0].encrypt.rotate.maxAge: expected 1s to 365d; got 5',
    ],
    [
      'over the cap',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { maxMessages: 2 ** 32 + 1 } } }),
      'topics[0].encrypt.rotate.maxMessages: expected a whole number from 1 to 4294967296; got 4294967297',
    ],
    [
      'bytes over the cap',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { maxBytes: '1TiB' } } }),
      'topics[0].encrypt.rotate.maxBytes: expected 1B to 256GiB; got "1TiB"',
    ],
    [
      'header twice',
      config({ match: ['a'], encrypt: { cmk: 'main', bindHeaders: ['x', 'x'] } }),
      'topics[0].encrypt.bindHeaders: duplicate name; got a list',
    ],
    [
      'lone surrogate',
      config({ match: ['a'], encrypt: { cmk: 'main', bindHeaders: ['\ud800'] } }),
      'topics[0].encrypt.bindHeaders[0]: expected 1 to 256 bytes of well-formed text; got "\\ud800"',
    ],
    [
      'bad context',
      config({ match: ['a'], encrypt: { cmk: 'main', context: { a: 'x y' } } }),
      'topics[0].encrypt.context.a: expected 1 to 128 of A-Z a-z 0-9 . _ : / @ = + -; got "x y"',
    ],
    [
      'long context',
      config({
        match: ['a'],
        encrypt: {
          cmk: 'main',
          context: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [String(i), 'v'.repeat(128)])),
        },
      }),
      'topics[0].encrypt.context: takes more than 1024 bytes when encoded',
    ],
    [
      'originalTopics everything',
      config({ match: ['a'], decrypt: { cmk: 'main', originalTopics: ['*'] } }),
      'topics[0].decrypt.originalTopics[0]: expected a topic name, or a prefix and one trailing *; got "*"',
    ],
    [
      'a CMK in two lists that one rule reads',
      {
        kms,
        cmks: {
          now: [
            { kms: 'dev', id: 'a' },
            { kms: 'dev', id: 'b' },
          ],
          then: [
            { id: 'a', kms: 'dev' },
            { kms: 'dev', id: 'c' },
          ],
        },
        topics: [{ match: ['a'], decrypt: { cmk: ['now', 'then'] } }],
      },
      'topics[0].decrypt.cmk[1]: "then" and "now" contain the same CMK: use lists that contain each CMK once',
    ],
    [
      'a list that one rule reads twice',
      config({ match: ['a'], decrypt: { cmk: ['main', 'main'] } }),
      'topics[0].decrypt.cmk[1]: "main" and "main" contain the same CMK: use lists that contain each CMK once',
    ],
    [
      'bound headers that never fit',
      config({ match: ['a'], encrypt: { cmk: 'main', bindHeaders: tooMany } }),
      'topics[0].encrypt.bindHeaders: the envelope header would take 4341 bytes with them; the limit is 4096: bind fewer headers, or headers with shorter names',
    ],
    [
      'headers that no record can have bound',
      config({ match: ['a'], decrypt: { cmk: 'main', require: { bindHeaders: tooMany } } }),
      'topics[0].decrypt.require.bindHeaders: the envelope header would take 4341 bytes with them; the limit is 4096: bind fewer headers, or headers with shorter names',
    ],
    [
      'a context that no record can have',
      config({ match: ['a'], decrypt: { cmk: 'main', require: { context: tooLong } } }),
      'topics[0].decrypt.require.context: takes more than 1024 bytes when encoded',
    ],
    [
      'a key that is required and not bound',
      config({
        match: ['a'],
        encrypt: { cmk: 'main', bindKey: false },
        decrypt: { cmk: 'main', onInvalid: 'skip' },
      }),
      'topics[0].decrypt.require.bindKey: `encrypt.bindKey` is false: every record that this rule encrypts would be invalid; set `require: { bindKey: false }` too',
    ],
    [
      'a header that is required and not bound',
      config({
        match: ['a'],
        encrypt: { cmk: 'main', bindHeaders: ['b'] },
        decrypt: { cmk: 'main', require: { bindHeaders: ['a', 'b'] } },
      }),
      'topics[0].decrypt.require.bindHeaders: `encrypt.bindHeaders` does not have a: every record that this rule encrypts would be invalid',
    ],
    [
      'a context that is required and not given',
      config({
        match: ['a'],
        encrypt: { cmk: 'main', context: { app: 'pay' } },
        decrypt: { cmk: 'main', require: { context: { app: 'other' } } },
      }),
      'topics[0].decrypt.require.context: `encrypt.context` does not have app with this value: every record that this rule encrypts would be invalid',
    ],
    [
      'plaintext on a topic of no rule',
      config({ match: ['a'], decrypt: { cmk: 'main', plaintext: { untilOffsets: { b: { 0: '5' } } } } }),
      'topics[0].decrypt.plaintext.untilOffsets.b: this topic is not matched by any rule, so the entry has no effect',
    ],
    [
      'plaintext on a topic that has a rule of its own',
      config(
        { match: ['a*'], decrypt: { cmk: 'main', plaintext: { untilOffsets: { ab: { 0: '5' } } } } },
        { match: ['ab'], decrypt: { cmk: 'main' } },
      ),
      'topics[0].decrypt.plaintext.untilOffsets.ab: this topic falls under topics[1], so the entry has no effect',
    ],
    [
      'a partition with a leading zero, which could stand there twice',
      config({ match: ['a'], decrypt: { cmk: 'main', plaintext: { untilOffsets: { a: { '00': '5' } } } } }),
      'topics[0].decrypt.plaintext.untilOffsets.a.00: expected a partition number; got "00"',
    ],
    [
      'seconds in place of milliseconds',
      { ...(config(good) as object), cache: { ttl: 3600 } },
      'cache.ttl: expected a unit, "3600s" or "3600ms": a number is milliseconds; got 3600',
    ],
    [
      'originalTopics glob',
      config({ match: ['a'], decrypt: { cmk: 'main', originalTopics: ['a*b'] } }),
      'topics[0].decrypt.originalTopics[0]: expected a topic name, or a prefix and one trailing *; got "a*b"',
    ],
    [
      'what to do with the invalid',
      config({ match: ['a'], decrypt: { cmk: 'main', onInvalid: 'ignore' } }),
      "topics[0].decrypt.onInvalid: expected 'stop', 'skip', {deadLetter} or, in code, a function; got \"ignore\"",
    ],
    [
      'dead letters without a topic',
      config({ match: ['a'], decrypt: { cmk: 'main', onInvalid: 'deadLetter' } }),
      "topics[0].decrypt.onInvalid: expected 'stop', 'skip', {deadLetter} or, in code, a function; got \"deadLetter\"",
    ],
    [
      'skipping what is unreadable',
      config({ match: ['a'], decrypt: { cmk: 'main', onUnreadable: 'skip' } }),
      "topics[0].decrypt.onUnreadable: expected 'stop', {deadLetter} or, in code, a function (not 'skip': another reader may be able to open the record); got \"skip\"",
    ],
    [
      'more than the topic in a policy',
      config({ match: ['a'], decrypt: { cmk: 'main', onInvalid: { deadLetter: 'b', topic: 'b' } } }),
      "topics[0].decrypt.onInvalid: expected 'stop', 'skip', {deadLetter} or, in code, a function; got object",
    ],
    [
      'a topic for dead letters that is none',
      config({ match: ['a'], decrypt: { cmk: 'main', onUnreadable: { deadLetter: 'a b' } } }),
      'topics[0].decrypt.onUnreadable.deadLetter: expected a topic name; got "a b"',
    ],
    [
      'dead letters of unreadable records that would be read again',
      config({ match: ['a.*'], decrypt: { cmk: 'main', onUnreadable: { deadLetter: 'a.dlq' } } }),
      'topics[0].decrypt.onUnreadable.deadLetter: "a.dlq" is read by this rule: dead letters would loop forever',
    ],
    [
      'dead letters that come back by way of another rule',
      config(
        { match: ['a'], decrypt: { cmk: 'main', onInvalid: { deadLetter: 'b' } } },
        { match: ['b'], decrypt: { cmk: 'main', onUnreadable: { deadLetter: 'a' } } },
      ),
      'topics[1].decrypt.onUnreadable.deadLetter: dead letters sent to "a" come back to this rule: they would loop forever',
    ],
    [
      'dead letters that would be read again',
      config({ match: ['a.*'], decrypt: { cmk: 'main', onInvalid: { deadLetter: 'a.dlq' } } }),
      'topics[0].decrypt.onInvalid.deadLetter: "a.dlq" is read by this rule: dead letters would loop forever',
    ],
    [
      'prefetch of the whole age',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { maxAge: '10m', prefetch: '600s' } } }),
      'topics[0].encrypt.rotate.prefetch: expected less than `maxAge`; otherwise every DEK would be replaced immediately',
    ],
    [
      'prefetch of the whole default age',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { prefetch: '24h' } } }),
      'topics[0].encrypt.rotate.prefetch: expected less than `maxAge`; otherwise every DEK would be replaced immediately',
    ],
    [
      'grace without an end',
      config({ match: ['a'], encrypt: { cmk: 'main', rotate: { grace: '8d' } } }),
      'topics[0].encrypt.rotate.grace: expected 0 to 7d; got "8d"',
    ],
    [
      'a budget of nothing',
      { ...(config(good) as object), kmsRateLimit: { opening: { perSecond: 0 }, sealing: { burst: 0.5 } } },
      'kmsRateLimit.opening.perSecond: expected 0.1 to 10000; got 0',
    ],
    [
      'a compression that is none',
      config({ match: ['a'], encrypt: { cmk: 'main', compression: 'lz4' } }),
      "topics[0].encrypt.compression: expected 'none', 'gzip', 'zstd' or {dictionary}; got \"lz4\"",
    ],
    [
      'an unknown dictionary',
      {
        ...(config({
          match: ['a'],
          encrypt: { cmk: 'main', compression: { dictionary: 'other' } },
        }) as object),
        dictionaries: { orders: { base64: 'YQ==' } },
      },
      'topics[0].encrypt.compression.dictionary: "other" is not in `dictionaries`, which has orders',
    ],
    [
      'a dictionary without dictionaries',
      config({ match: ['a'], encrypt: { cmk: 'main', compression: { dictionary: 'orders' } } }),
      'topics[0].encrypt.compression.dictionary: "orders" is not in `dictionaries`, which has nothing',
    ],
    ...(
      [
        ['text', './orders.dict', '"./orders.dict"'],
        ['another object', { path: 'x' }, 'object'],
        ['both', { file: 'x', base64: 'YQ==' }, 'object'],
        ['no bytes', Buffer.alloc(0), 'a Uint8Array of 0 bytes'],
        ['too many bytes', Buffer.alloc(32_769), 'a Uint8Array of 32769 bytes'],
        ['null', null, 'null'],
      ] as const
    ).map(([what, dictionary, got]): [string, object, string] => [
      `a dictionary that is ${what}`,
      { ...(config(good) as object), dictionaries: { orders: dictionary } },
      `dictionaries.orders: expected {file} or {base64}, or a Uint8Array, of 1 to 32768 bytes; got ${got}`,
    ]),
    [
      'a dictionary that is base64 without padding',
      { ...(config(good) as object), dictionaries: { orders: { base64: 'YQ' } } },
      'dictionaries.orders.base64: expected 1 to 32768 bytes in base64, padded and without white space; got "YQ"',
    ],
    [
      'a dictionary without a path',
      { ...(config(good) as object), dictionaries: { orders: { file: '' } } },
      'dictionaries.orders.file: expected the path of a file; got ""',
    ],
    [
      'dictionaries that are a list',
      { ...(config(good) as object), dictionaries: [] },
      'dictionaries: expected dictionaries by name; got a list',
    ],
    [
      'a store that is none',
      { ...(config(good) as object), dekStore: {} },
      'dekStore: expected a store for ciphertext DEKs, for example fileDekStore({ folder }); got object',
    ],
    [
      'sealing under any of one CMK',
      config({ match: ['a'], encrypt: { cmk: 'main', sealUnder: 'any' } }),
      'topics[0].encrypt.sealUnder: has no effect, because cmks.main has one CMK',
    ],
    [
      'grace for a provisioned DEK',
      config({
        match: ['a'],
        encrypt: { cmk: 'main', provisionedDek: { text: 'x' }, rotate: { grace: '1h' } },
      }),
      'topics[0].encrypt.rotate.grace: has no effect with `provisionedDek`, which is not renewed',
    ],
    [
      'prefetch for a provisioned DEK',
      config({
        match: ['a'],
        encrypt: { cmk: 'main', provisionedDek: { text: 'x' }, rotate: { prefetch: '1h' } },
      }),
      'topics[0].encrypt.rotate.prefetch: has no effect with `provisionedDek`, which is not renewed',
    ],
    [
      'a provisioned DEK that is none',
      config({ match: ['a'], encrypt: { cmk: 'main', provisionedDek: 'x' } }),
      'topics[0].encrypt.provisionedDek: expected {text} or {file}; got "x"',
    ],
    [
      'offset',
      config({ match: ['a'], decrypt: { cmk: 'main', plaintext: { untilOffsets: { a: { 0: '-1' } } } } }),
      'topics[0].decrypt.plaintext.untilOffsets.a.0: expected an offset as decimal text; got "-1"',
    ],
    [
      'same topic',
      config(good, good),
      'topics[1].match[0]: "a" and "a" (topics[0].match[0]) can match the same topic',
    ],
    [
      'overlap',
      config({ ...good, match: ['a.*'] }, { ...good, match: ['*.b'] }),
      'topics[1].match[0]: "*.b" and "a.*" (topics[0].match[0]) can match the same topic',
    ],
    [
      'same name',
      config({ ...good, name: 'x' }, { ...good, match: ['b'], name: 'x' }),
      'topics[1].name: topics[0] has the same name',
    ],
  ])('the mistake "%s" is reported with its path and the expected value', (_, given, expected) => {
    expect(mistakes(given)).toContain(expected)
  })

  it('a limit of a DEK below a minute, 1,000 messages or 1 MiB needs consent', () => {
    const rotate = { maxAge: 3600, maxMessages: 999, maxBytes: '1023KiB' }
    expect(mistakes(config({ match: ['a'], encrypt: { cmk: 'main', rotate } }))).toEqual([
      expect.stringContaining('topics[0].encrypt.rotate.maxAge: 3600 milliseconds is less than a minute'),
      expect.stringContaining('topics[0].encrypt.rotate.maxMessages: 999 is less than 1000'),
      expect.stringContaining('topics[0].encrypt.rotate.maxBytes: "1023KiB" is less than 1MiB'),
    ])
    expect(
      mistakes(
        config({
          match: ['a'],
          encrypt: { cmk: 'main', rotate: { ...rotate, allowFrequentRotation: true } },
        }),
      ),
    ).toEqual([])
    expect(
      mistakes(
        config({
          match: ['a'],
          encrypt: { cmk: 'main', rotate: { maxAge: '60s', maxMessages: 1000, maxBytes: '1MiB' } },
        }),
      ),
    ).toEqual([])
  })

  it('a mistake does not hide another, and none shows the content of objects', async () => {
    const memory = new MemoryKms()
    const given = {
      kms: { dev: memory, other: { secret: 'hunter2' } },
      cmks: { main: [{ kms: 'nope', id: 'x' }] },
      topics: [
        {
          match: ['a'],
          encrypt: { cmk: 'gone', rotate: { maxMessages: 5, maxAge: 'soon' } },
          extra: { secret: 'hunter2' },
        },
        { match: ['a'], decrypt: { cmk: 'main', onInvalid: { secret: 'hunter2' } } },
      ],
    }
    const found = mistakes(given)
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'topics[0].extra',
      'kms.other',
      'topics[0].encrypt.rotate.maxAge',
      'topics[1].decrypt.onInvalid',
      'cmks.main[0].kms',
      'topics[0].encrypt.cmk',
      'topics[0].encrypt.rotate.maxMessages',
      'topics[1].match[0]',
    ])
    expect(found.join()).not.toContain('hunter2')
    await expect(createEncryption(given as unknown as EncryptionConfig)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    expect(memory.calls).toEqual([])
  })
})
