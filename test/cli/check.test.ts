import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { registerCheck } from '../../src/cli/check.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'

const GOOD = `version: 1
cmks:
  pay: [{ kms: gz, id: 'ap-guangzhou/\${CMK}' }]
topics:
  - match: ['pay.*']
    encrypt: { cmk: pay, compression: gzip, dekScope: topic }
    decrypt: { cmk: pay }
  - { match: [copy], decrypt: { cmk: pay, originalTopics: ['pay.*'] } }
  - { match: [given], encrypt: { cmk: pay, provisionedDek: { file: dek.txt } } }
  - { match: ['metrics.*'], passthrough: true }
`

let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('kafka-envelope.yaml')
  await writeFile(file, GOOD)
})
afterEach(() => folder.remove())

async function check(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text)
      return true
    }),
  )
  const program = new Command().exitOverride()
  registerCheck(program)
  const before = process.exitCode
  process.exitCode = 0
  try {
    await program.parseAsync(['check', file, ...args], { from: 'user' })
    return { code: process.exitCode, ...written }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}

describe('kafka-envelope check', () => {
  it('kafka-envelope check shows the overrides of the file, and those that have ended', async () => {
    await writeFile(
      file,
      `${GOOD}overrides:
  - { topic: copy, partition: 0, offset: '7', code: MALFORMED, action: skip, until: 2025-01-01T00:00Z, by: ops, why: INC-42 }
`,
    )
    const { code, stdout } = await check('--env', 'CMK=5f3c')
    expect(code).toBe(0)
    expect(stdout).toContain(`
Overrides
  copy:0:7 is skipped if it fails with MALFORMED
    until  2025-01-01T00:00Z
    by     ops
    why    INC-42
    it has ended and has no effect: remove it
`)
    const { stdout: json } = await check('--env', 'CMK=5f3c', '--json')
    expect(JSON.parse(json)).toMatchObject({ overrides: [{ topic: 'copy', offset: '7', by: 'ops' }] })
  })

  it('kafka-envelope check reports only that the file does not exist', async () => {
    await folder.remove()
    expect(await check()).toEqual({ code: 1, stdout: '', stderr: `${file}: file not found\n` })
    const { stdout } = await check('--json')
    expect(JSON.parse(stdout)).toEqual({
      file,
      mistakes: [{ path: file, message: 'file not found' }],
    })
  })

  it('kafka-envelope check names a variable that ends with a line break, which its value would hide', async () => {
    const { code, stderr } = await check('--env', 'CMK=secret\n')
    expect(code).toBe(1)
    expect(stderr).toBe(
      `${file}: 1 mistake
  cmks.pay[0].id: expected 1 to 256 visible ASCII characters; got "ap-guangzhou/\${CMK}", and CMK begins or ends with white space or a line break (line 3, column 20)
`,
    )
  })

  it('kafka-envelope check reports all mistakes of a file on stderr, with path, value and what was expected, and fails', async () => {
    await writeFile(
      file,
      GOOD.replace('gzip', 'lz4').replace('[copy]', '["pay.x*"]').replace('cmk: pay,', 'cmk: play,'),
    )
    expect(await check()).toEqual({
      code: 1,
      stdout: '',
      stderr: `${file}: 4 mistakes
  cmks.pay[0].id: environment variable CMK is not set (line 3, column 20)
  topics[0].encrypt.cmk: "play" is not in \`cmks\`, which has pay (line 6, column 16)
  topics[0].encrypt.compression: expected 'none', 'gzip', 'zstd' or {dictionary}; got "lz4" (line 6, column 27)
  topics[1].match[0]: "pay.x*" and "pay.*" (topics[0].match[0]) can match the same topic (line 8, column 15)
`,
    })
  })

  it('kafka-envelope check prints the same as JSON', async () => {
    const { code, stdout, stderr } = await check('--json')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({
      file,
      mistakes: [
        {
          path: 'cmks.pay[0].id',
          message: 'environment variable CMK is not set',
          line: 3,
          column: 20,
        },
      ],
    })
  })

  it('kafka-envelope check explains a file without mistakes', async () => {
    const { code, stdout, stderr } = await check(
      ...[
        '--env',
        'CMK=1=2',
        '--topic',
        'pay.eu',
        'pay.us',
        'metrics.x',
        '--producers',
        '3',
        '--restarts-per-day',
        '0.5',
      ],
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`${file}: no mistakes\n`)
    for (const line of [
      'producers: 3, each starting 0.5 × a day, without a DEK store',
      'pay.us: encrypted and decrypted by rule pay.*',
      'metrics.x: passed through by rule metrics.*',
      'encrypts under pay: ap-guangzhou/1=2 (gz)',
      'DEKs a day: about 9 = 6 producers and topics × (1 by limit + 0.5 by start)',
      'compressed with gzip: lengths leak information about content, which matters if others can add text next to secrets',
      'decrypts under pay; encrypted elsewhere, assumed to be one DEK a day per producer, 4.5 with starts',
      'DEKs a day: 0; all producers use the provisioned DEK',
      'values pass unchanged, both ways',
      'KMS gz (assumed to be Tencent Cloud KMS)',
      'Warnings',
      'topics[2].encrypt.provisionedDek: is not renewed',
    ]) {
      expect(stdout).toContain(line)
    }
  })

  it('kafka-envelope check explains the same as JSON, for the given vendor', async () => {
    const { stdout } = await check(
      '--json',
      '--env',
      'CMK=1',
      '--kms',
      'gz=local',
      '--topic',
      'copy',
      '--dek-store',
    )
    expect(JSON.parse(stdout)).toMatchObject({
      file,
      mistakes: [],
      load: { producers: 1, readers: 1, dekStore: true },
      topics: [{ topic: 'copy', rule: 'copy' }],
      rules: [
        { rule: 'pay.*', sealing: { deks: { limit: 'age', restarts: 0 } } },
        { rule: 'copy' },
        { rule: 'given' },
        { rule: 'metrics.*' },
      ],
      kmses: [{ name: 'gz', vendor: 'local' }],
    })
    const text = await check('--env', 'CMK=1', '--kms', 'gz=local')
    expect(text.stdout).toContain('KMS gz (assumed to be a keyring file)')
    expect(text.stdout).toContain('no cost and no quota')
    expect(text.stdout).not.toContain('\nTopics\n')
  })

  it('kafka-envelope check reads dictionaries beside the file, and says that readers need them first', async () => {
    const withDictionary = GOOD.replace('compression: gzip', 'compression: { dictionary: orders }').replace(
      'topics:',
      'dictionaries: { orders: { file: orders.dict } }\ntopics:',
    )
    await writeFile(file, withDictionary)
    expect(await check('--env', 'CMK=1')).toEqual({
      code: 1,
      stdout: '',
      stderr: `${file}: 1 mistake\n  dictionaries.orders.file: file not found (line 4, column 27)\n`,
    })
    await writeFile(folder.at('orders.dict'), '{"order":17}')
    const { code, stdout } = await check('--env', 'CMK=1', '--topic', 'pay.x')
    expect(code).toBe(0)
    expect(stdout).toContain(
      'compressed with dictionary orders: give it to every reader before a producer starts',
    )
    expect(stdout).toContain('compressed with a dictionary: lengths leak information about content')
    const sha256 = createHash('sha256').update('{"order":17}').digest('hex')
    expect(stdout).toContain(`\nDictionaries\n  orders: 12 bytes, SHA-256 ${sha256}\n`)
    expect(JSON.parse((await check('--env', 'CMK=1', '--json')).stdout)).toMatchObject({
      dictionaries: [{ name: 'orders', bytes: 12, sha256 }],
    })
    await writeFile(file, GOOD)
    expect((await check('--env', 'CMK=1')).stdout).not.toContain('\nDictionaries\n')
    const overhead = async (): Promise<number> =>
      Number(
        /overhead of a record in pay.x: ([0-9]+)/.exec(
          (await check('--env', 'CMK=1', '--topic', 'pay.x')).stdout,
        )?.[1],
      )
    const before = await overhead()
    await writeFile(file, withDictionary)
    // The SHA-256, and one byte more for the length of a header of 64 bytes and over.
    expect(await overhead()).toBe(before + 33)
  })

  it('the explanation says what batch compression saves, unless values are much larger than the overhead', async () => {
    const line = /with batch compression .* about 28 bytes of that overhead remain for each record/
    expect((await check('--env', 'CMK=1', '--record-bytes', '500')).stdout).toMatch(line)
    expect((await check('--env', 'CMK=1', '--record-bytes', '5000')).stdout).not.toMatch(line)
  })

  it('kafka-envelope check fails if a topic has no rule, and says so', async () => {
    const { code, stdout, stderr } = await check('--env', 'CMK=1', '--topic', 'pay.eu', 'orders', 'users')
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'no rule matches: orders, users\n' })
    expect(stdout).toContain('orders: no rule matches; writing and reading are errors')
  })

  it('the explanation says that there are no warnings if none was found', async () => {
    await writeFile(file, 'version: 1\ncmks: {}\ntopics: [{ match: [a], passthrough: true }]\n')
    expect((await check()).stdout).toContain('No warnings')
  })

  it('kafka-envelope check refuses invalid options', async () => {
    for (const args of [
      ['--producers', 'many'],
      ['--readers', '-1'],
      ['--kms', 'gz=unknown'],
      ['--kms', 'gz'],
      ['--env', '=x'],
    ]) {
      await expect(check(...args), args.join(' ')).rejects.toMatchObject({
        code: 'commander.invalidArgument',
      })
    }
  })
})

describe('kafka-envelope check of a file that describes its KMSs', () => {
  const entries = (address: string): string => `version: 1
kms:
  dev: { provider: local, keyring: dev.keyring }
  gz: { provider: tencent, credentials: environment, endpoint: '${address}' }
  eu: { provider: aws, endpoint: '${address}' }
  bao: { provider: vault, address: '${address}', name: transit.example.com, auth: { method: token, token: x } }
  go: { provider: gcp, token: x, endpoint: '${address}' }
  az: { provider: azure, token: x }
  hsm: { provider: azure, token: x }
cmks:
  one: [{ kms: dev, id: orders }, { kms: gz, id: ap-guangzhou/1 }, { kms: eu, id: 'arn:aws:kms:eu-west-1:1:key/1' }]
  two: [{ kms: bao, id: transit.example.com/orders }, { kms: go, id: odd }, { kms: az, id: odd }, { kms: hsm, id: 'https://acme.managedhsm.azure.net/keys/orders' }]
topics:
  - { match: [one], encrypt: { cmk: one } }
  - { match: [two], encrypt: { cmk: two } }
`

  it('kafka-envelope check knows the services by their providers, and contacts none of them', async () => {
    let connections = 0
    const server = createServer(() => connections++)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await writeFile(file, entries(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`))
    const { code, stdout, stderr } = await check()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const title of [
      'KMS dev (a keyring file)',
      'KMS gz (Tencent Cloud KMS)',
      'KMS eu (AWS KMS)',
      'KMS bao (Vault or OpenBao)',
      'KMS go (Google Cloud KMS)',
      'KMS az (Azure Key Vault)',
      'KMS hsm (Azure Managed HSM)',
    ])
      expect(stdout).toContain(`${title}\n`)
    const json = JSON.parse((await check('--json', '--kms', 'az=azure-hsm')).stdout) as { kmses: object[] }
    expect(json.kmses).toContainEqual(expect.objectContaining({ name: 'az', vendor: 'azure-hsm' }))
    server.close()
    expect(connections).toBe(0)
  })

  it('kafka-envelope check reports a CMK in a KMS that the file does not describe, unless --kms says that code has it', async () => {
    await writeFile(file, entries('https://kms.example.com').replace('kms: dev, id', 'kms: code, id'))
    const { code, stderr } = await check()
    expect(code).toBe(1)
    expect(stderr).toContain(
      'cmks.one[0].kms: "code" is not in `kms`, which has dev, gz, eu, bao, go, az, hsm (line 11, column 11)',
    )
    expect(await check('--kms', 'code=local')).toMatchObject({ code: 0, stderr: '' })
  })

  it('kafka-envelope check reports the mistakes of a KMS with those of the rest, and no secret', async () => {
    await writeFile(file, `${entries('hunter2').replace('token: x }', "token: '${T} hunter2' }")}cache: 5\n`)
    const { code, stderr } = await check('--env', 'T=hunter2')
    expect(code).toBe(1)
    expect(stderr).toContain(`${file}: 6 mistakes`)
    expect(stderr).not.toContain('hunter2')
  })
})
