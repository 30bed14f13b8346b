import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig, type Environment } from '../../src/config-file/index.js'
import { parse } from '../../src/config-file/parse.js'
import { Reader } from '../../src/config-file/reader.js'
import { createEncryption, type EncryptionConfig, type EnvelopeError } from '../../src/index.js'
import { checkConfig } from '../../src/config/check.js'
import { MemoryKms } from '../support/memory-kms.js'

const kms = { dev: new MemoryKms() }
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-config-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function load(text: string | Buffer, env: Environment = {}): Promise<EncryptionConfig> {
  const file = join(folder, 'kafka-envelope.yaml')
  await writeFile(file, text)
  return loadConfig(file, { kms, env })
}

/** The mistakes of a file, one per line. */
async function mistakes(text: string | Buffer, env: Environment = {}): Promise<string[]> {
  const error = await load(text, env).then(
    () => undefined,
    (e: unknown) => e as EnvelopeError,
  )
  if (error === undefined) return []
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(error.message).toMatch(new RegExp(`mistakes? in ${join(folder, 'kafka-envelope.yaml')}`))
  return error.issues.map(({ path, message, line, column }) => {
    expect(error.message).toContain(`${path}: ${message}`)
    return `${String(line)}:${String(column)} ${path}: ${message}`
  })
}

const head = 'version: 1\ncmks: { main: [{ kms: dev, id: x }] }\n'
const good = `${head}topics:\n  - { match: [a], encrypt: { cmk: main } }\n`

describe('a configuration file', () => {
  it('a configuration file means the same as the configuration in code', async () => {
    const yaml = `# yaml-language-server: $schema=schemas/config.schema.json
version: 1
cmks:
  payments: [{ kms: dev, id: "ap-guangzhou/\${CMK_GZ}" }, { kms: dev, id: "ap-shanghai/\${CMK_SH}" }]
topics:
  - match: ["payments.*"]
    encrypt: { cmk: payments, rotate: { maxAge: 24h, maxMessages: 50000000, maxBytes: 64GiB, prefetch: 10m, grace: 2h }, context: { app: pay } }
    decrypt: { cmk: payments, originalTopics: ["src.payments.*"], onInvalid: { deadLetter: pay.dlq } }
  - { match: ["metrics.*"], passthrough: true }
  - match: [users]
    decrypt: { cmk: payments, plaintext: { untilOffsets: { users: { 0: "18203", 12: '7' } } } }
cache: { maxDeks: 500, ttl: 30m }
kmsTimeout: 5000
kmsRateLimit: { opening: { perSecond: 0.5 } }
`
    const config: EncryptionConfig = {
      kms,
      cmks: {
        payments: [
          { kms: 'dev', id: 'ap-guangzhou/1' },
          { kms: 'dev', id: 'ap-shanghai/2' },
        ],
      },
      topics: [
        {
          match: ['payments.*'],
          encrypt: {
            cmk: 'payments',
            rotate: {
              maxAge: '24h',
              maxMessages: 50_000_000,
              maxBytes: '64GiB',
              prefetch: '10m',
              grace: '2h',
            },
            context: { app: 'pay' },
          },
          decrypt: {
            cmk: 'payments',
            originalTopics: ['src.payments.*'],
            onInvalid: { deadLetter: 'pay.dlq' },
          },
        },
        { match: ['metrics.*'], passthrough: true },
        {
          match: ['users'],
          decrypt: { cmk: 'payments', plaintext: { untilOffsets: { users: { 0: '18203', 12: '7' } } } },
        },
      ],
      cache: { maxDeks: 500, ttl: '30m' },
      kmsTimeout: 5000,
      kmsRateLimit: { opening: { perSecond: 0.5 } },
    }
    const loaded = await load(yaml, { CMK_GZ: '1', CMK_SH: '2' })
    expect(loaded).toEqual(config)
    expect(checkConfig(loaded)).toEqual(checkConfig(config))
    const encryption = await createEncryption(loaded)
    await encryption.close()
  })

  it.each([
    [
      'JSON',
      '{ "$schema": "./s.json", "version": 1, "cmks": {"main":[{"kms":"dev","id":"x"}]}, "topics": [{"match":["a"],"encrypt":{"cmk":"main"}}] }',
    ],
    [
      'JSON with tabs',
      '{\n\t"version": 1,\n\t"cmks": {"main":[{"kms":"dev","id":"x"}]},\n\t"topics": [\n\t\t{"match":["a"],"encrypt":{"cmk":"main"}}\n\t]\n}\n',
    ],
    ['a byte order mark', `\ufeff${good}`],
    ['carriage returns', good.replaceAll('\n', '\r\n')],
    ['a directive of the version it is', `%YAML 1.2\n---\n${good}`.replace('%YAML 1.2\n', '')],
    [
      'anchors and aliases',
      `${head}topics:\n  - { match: [a], encrypt: &e { cmk: main } }\n  - { match: [b], encrypt: *e }\n`.replace(
        '[b], encrypt: *e',
        '[a.b], encrypt: *e',
      ),
    ],
  ])('a configuration file may be written with %s', async (_, text) => {
    const { topics } = await load(text)
    expect(topics[0]).toEqual({ match: ['a'], encrypt: { cmk: 'main' } })
    expect(topics.at(-1)).toHaveProperty('encrypt', { cmk: 'main' })
  })

  it('a configuration file names the KMS objects that code passes, and code must pass a KMS for each name', async () => {
    const file = join(folder, 'kms.yaml')
    await writeFile(file, good)
    await expect(loadConfig(file, { kms: {} })).rejects.toMatchObject({
      issues: [
        {
          path: 'cmks.main[0].kms',
          message: '"dev" is not in `kms`, which has nothing',
          line: 2,
          column: 18,
        },
      ],
    })
    const wrong = { kms: { dev: {} }, dekStore: {} } as unknown as Parameters<typeof loadConfig>[1]
    await expect(loadConfig(file, wrong)).rejects.toMatchObject({
      issues: [{ path: 'kms.dev' }, { path: 'dekStore' }],
    })
  })

  it('a configuration file uses the environment of the process unless another is given', async () => {
    const file = join(folder, 'env.yaml')
    await writeFile(file, good.replace('id: x', 'id: "${KAFKA_ENVELOPE_TEST_CMK}"'))
    await expect(loadConfig(file, { kms })).rejects.toThrow('KAFKA_ENVELOPE_TEST_CMK')
    process.env['KAFKA_ENVELOPE_TEST_CMK'] = 'orders'
    try {
      expect((await loadConfig(file, { kms })).cmks).toEqual({ main: [{ kms: 'dev', id: 'orders' }] })
    } finally {
      delete process.env['KAFKA_ENVELOPE_TEST_CMK']
    }
  })
})

describe('a mistake in a file', () => {
  it.each<[string, string, string]>([
    [
      'syntax',
      'version: 1\ncmks: [',
      '2:8 (root): Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['nothing', '', '1:1 (root): the file is empty'],
    ['only a comment', '# later\n', '1:1 (root): the file is empty'],
    [
      'another kind of value',
      '- 1\n',
      '1:1 (root): expected an object of $schema, version, kms, cmks, topics, dictionaries, overrides, cache, kmsTimeout, kmsRetries, kmsRateLimit; got a list',
    ],
    [
      'no version',
      good.replace('version: 1\n', ''),
      '1:1 version: missing; expected 1, the version of configuration files that this release reads',
    ],
    [
      'a later version',
      good.replace('1', '2'),
      '1:1 version: expected 1, the version of configuration files that this release reads; got 2',
    ],
    [
      'a version as text',
      good.replace('1', "'1'"),
      '1:1 version: expected 1, the version of configuration files that this release reads; got "1"',
    ],
    [
      'a DEK store in the file',
      `${good}dekStore: {}\n`,
      '5:1 dekStore: unknown member; expected $schema, version, kms, cmks, topics, dictionaries, overrides, cache, kmsTimeout, kmsRetries, kmsRateLimit',
    ],
    [
      'a name twice',
      good.replace('cmk: main', 'cmk: main, cmk: main'),
      '4:41 topics[0].encrypt.cmk: duplicate name',
    ],
    [
      'a name twice in JSON',
      '{"version":1,"version":1,"cmks":{},"topics":[]}',
      '1:14 version: duplicate name',
    ],
    [
      'a name twice, as number and text',
      `${head}topics: [{ match: [a], decrypt: { cmk: main, plaintext: { untilOffsets: { a: { 0: "1", "0": "2" } } } } }]`,
      '3:88 topics[0].decrypt.plaintext.untilOffsets.a.0: duplicate name',
    ],
    [
      'a tag',
      good.replace('cmk: main', 'cmk: !!str main'),
      '4:41 topics[0].encrypt.cmk: tags are not supported',
    ],
    [
      'a tag of an object',
      good.replace('encrypt: {', 'encrypt: !!map {'),
      '4:34 topics[0].encrypt: tags are not supported',
    ],
    [
      'a merge',
      `${good}cache: { <<: { ttl: 1h } }\n`,
      '5:10 cache["<<"]: unknown member; expected maxDeks, ttl',
    ],
    ['two documents', `${good}---\n${good}`, '5:1 (root): expected one document'],
    ['YAML 1.1', `%YAML 1.1\n---\n${good}`, '1:1 (root): expected no %YAML directive'],
    ['an unknown directive', `%WHAT 1\n---\n${good}`, '1:1 (root): Unknown directive %WHAT'],
    [
      'a name that is no text',
      good.replace('match: [a]', 'match: [a], 1.5: x'),
      '4:19 topics[0]: names must be text',
    ],
    [
      'a name that is an object',
      good.replace('match: [a]', 'match: [a], {a: b}: x'),
      '4:19 topics[0]: names must be text',
    ],
    [
      'yes for true',
      good.replace('cmk: main', 'cmk: main, bindKey: yes'),
      '4:41 topics[0].encrypt.bindKey: expected true or false; got "yes"',
    ],
    [
      'a number without a unit',
      good.replace('cmk: main', 'cmk: main, rotate: { maxAge: 24 }'),
      '4:51 topics[0].encrypt.rotate.maxAge: expected 1s to 365d; got 24',
    ],
    [
      'a number as text',
      good.replace('cmk: main', 'cmk: main, rotate: { maxAge: "24" }'),
      '4:51 topics[0].encrypt.rotate.maxAge: expected a duration such as "500ms", "30s" or "24h"; got "24"',
    ],
    [
      'an offset without quotes',
      `${head}topics: [{ match: [a], decrypt: { cmk: main, plaintext: { untilOffsets: { a: { 0: 010 } } } } }]`,
      '3:80 topics[0].decrypt.plaintext.untilOffsets.a.0: expected an offset as text, in quotes; got 10',
    ],
    [
      'a reserved name',
      good.replace('main: [', '__proto__: [], main: ['),
      '2:9 cmks.__proto__: this name cannot be used here',
    ],
    ['an alias in itself', `${head}topics: &t [*t]`, '3:13 topics[0]: this alias refers to itself'],
    ['an alias of nothing', `${head}topics: *t`, '3:9 topics: no anchor of this name before this alias'],
  ])('a mistake in a file is reported with its place: %s', async (_, text, expected) => {
    expect(await mistakes(text)).toContain(expected)
  })

  it('a mistake in a file does not hide another; they come in the order of the file', async () => {
    const text = `version: 3
cmks: { main: [{ kms: nope, id: "\${GONE}" }] }
topics:
  - match: [a]
    encrypt: { cmk: other, rotate: { maxAge: soon, maxMessages: "5" } }
    raed: {}
    also: {}
`
    expect((await mistakes(text)).map((line) => line.split(': ')[0])).toEqual([
      '1:1 version',
      '2:18 cmks.main[0].kms',
      '2:29 cmks.main[0].id',
      '5:16 topics[0].encrypt.cmk',
      '5:38 topics[0].encrypt.rotate.maxAge',
      '5:52 topics[0].encrypt.rotate.maxMessages',
      '6:5 topics[0].raed',
      '7:5 topics[0].also',
    ])
  })

  it('a mistake in a file is refused as fast as the file is read', async () => {
    const laughs = Array.from(
      { length: 30 },
      (_, i) => `- &a${String(i + 1)} [*a${String(i)}, *a${String(i)}]`,
    )
    const bomb = `x:\n- &a0 lol\n${laughs.join('\n')}\n`
    expect((await mistakes(bomb)).join()).toContain('the file has too many values')
    for (const text of ['[', '{a: ', '- ', '? ', ' ']) {
      const deep = text.repeat(Math.floor(200_000 / text.length))
      expect(
        (
          await mistakes(`a:
${deep}x`)
        ).join(),
        text,
      ).toMatch(/^[0-9:]+ \(root\): the file is nested too deeply$/)
    }
    expect((await mistakes(`${head}topics: ${'['.repeat(40)}${']'.repeat(40)}`)).join()).toContain(
      'too deeply',
    )
    const many = Array.from({ length: 20_000 }, (_, i) => `k${String(i)}: 1\n`).join('')
    await expect(load(many)).rejects.toMatchObject({ issues: { length: 20_003 } })
    expect(await mistakes('#'.repeat(2 ** 18 + 1))).toEqual([
      'undefined:undefined (root): expected at most 262144 bytes',
    ])
    expect(await mistakes(Buffer.from([0x76, 0xff]))).toEqual([
      'undefined:undefined (root): expected text in UTF-8',
    ])
    expect(await mistakes(`${good}\0`)).toEqual([
      'undefined:undefined (root): expected text; it contains a NUL byte',
    ])
    await expect(loadConfig(join(folder, 'none.yaml'), { kms })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('none.yaml: file not found.') as unknown,
      cause: { code: 'ENOENT' },
    })
    await expect(loadConfig(folder, { kms })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

it('any file is either read, or refused with places', () => {
  const scraps = fc.constantFrom(
    ...[
      'a',
      'b: ',
      ': ',
      '- ',
      '? ',
      '{',
      '}',
      '[',
      ']',
      ', ',
      '"',
      "'",
      '&x ',
      '*x',
      '!t ',
      '!!str ',
      '#',
      '|',
      '>-',
      '---',
      '...',
    ],
    ...[
      '\n',
      '\n  ',
      '\t',
      '\r\n',
      '%YAML 1.1',
      '<<: ',
      '0',
      '1.5',
      '${A}',
      '$${',
      '~',
      '__proto__: ',
      'topics: ',
      '\\',
      '\ufeff',
      'é',
    ],
  )
  fc.assert(
    fc.property(fc.array(scraps, { maxLength: 40 }), (parts) => {
      const { document, issues, placeOf } = parse(parts.join(''))
      const reader = new Reader(placeOf, { A: 'x' })
      const value = document && reader.read(document.contents)
      expect(document === undefined).toBe(issues.length > 0)
      for (const { line, column } of [...issues, ...reader.issues]) {
        expect(line).toBeGreaterThan(0)
        expect(column).toBeGreaterThan(0)
      }
      // The result is JSON, and does not depend on names that are special in JavaScript.
      if (value !== undefined && reader.issues.length === 0 && reader.templates.size === 0) {
        expect(JSON.parse(JSON.stringify(value))).toEqual(
          JSON.parse(JSON.stringify(document?.toJS({ maxAliasCount: -1 }))),
        )
      }
    }),
    { numRuns: 3000 },
  )
})

describe('variables of the environment', () => {
  const withId = (id: string): string => good.replace('id: x', () => `id: ${id}`)
  const idOf = async (id: string, env: Environment): Promise<unknown> =>
    (await load(withId(id), env)).cmks['main']?.[0]?.id

  it('variables of the environment are replaced in texts, quoted or not, and are always text', async () => {
    const hostile = 'a"],evil:[{x:1}]#&*!|>'
    expect(await idOf('"p/${A}-${_b2}"', { A: '1', _b2: '2' })).toBe('p/1-2')
    expect(await idOf("'${A}'", { A: hostile })).toBe(hostile)
    expect(await idOf("'${A}'", { A: '${B}', B: 'x' })).toBe('${B}')
    expect(await idOf("'${A}'", { A: '12' })).toBe('12')
    expect(await idOf("'$${A}$$'", {})).toBe('${A}$$')
    expect(
      (
        await load(good.replace('cmk: main', "cmk: '${C}', rotate: { maxAge: '${AGE}' }"), {
          C: 'main',
          AGE: '2h',
        })
      ).topics[0],
    ).toHaveProperty('encrypt', { cmk: 'main', rotate: { maxAge: '2h' } })
  })

  it('variables of the environment that are not set, empty or badly written are mistakes, never empty text', async () => {
    expect(await mistakes(withId('"${A}"'))).toEqual([
      '2:28 cmks.main[0].id: environment variable A is not set',
    ])
    expect(await mistakes(withId('"x${A}"'), { A: '' })).toEqual([
      '2:28 cmks.main[0].id: environment variable A is empty',
    ])
    expect(await mistakes(withId('"${toString}"'))).toEqual([
      '2:28 cmks.main[0].id: environment variable toString is not set',
    ])
    for (const bad of ['${}', '${1}', '${A:-x}', '${A', '${ A }', '${${A}}']) {
      expect((await mistakes(withId(`'${bad}'`), { A: 'x' })).join(), bad).toContain('expected ${NAME}')
    }
  })

  it('variables of the environment do not make numbers, booleans or names of members', async () => {
    expect(
      await mistakes(good.replace('cmk: main', "cmk: main, rotate: { maxMessages: '${N}' }"), { N: '5000' }),
    ).toEqual(['4:51 topics[0].encrypt.rotate.maxMessages: expected a number; got "${N}"'])
    expect(await mistakes(good.replace('encrypt:', '"${E}":'), { E: 'encrypt' })).toHaveLength(2)
  })

  it('variables of the environment appear in messages by name, never by value', async () => {
    const env = { S: 'hunter2', T: 'hunter2.*', D: 'hunter2.dlq' }
    const text = `version: 1
cmks: { main: [{ kms: "\${S}", id: "\${S} \${S}" }] }
topics:
  - { match: ["\${T}"], encrypt: { cmk: "\${S}", rotate: { maxAge: "\${S}" } }, decrypt: { cmk: main, onInvalid: { deadLetter: "\${D}" } } }
  - { match: ["hunter*"], passthrough: true }
kmsTimeout: "\${S}"
`
    const found = await mistakes(text, env)
    expect(found).toHaveLength(7)
    expect(found.join()).not.toContain('hunter2')
  })
})
