import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { reportFailure } from '../../../src/cli/report-failure.js'
import { createKeyring } from '../../../src/kms/local/index.js'
import { readSecret } from '../../../src/secrets/encrypted-secret.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

const ROOT = resolve(import.meta.dirname, '../../..')
const CONFIG = `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks:
  passwords: [{ kms: dev, id: passwords-2026 }, { kms: dev, id: passwords-2025 }]
  old: [{ kms: dev, id: passwords-2025 }]
  rsa: [{ kms: dev, id: rsa }]
topics:
  - { match: [orders], passthrough: true }
`
const CONTEXT = ['--context', 'app=billing', '--context', 'env=prod']

let folder: TemporaryFolder
let config: string

beforeAll(async () => {
  folder = await temporaryFolder()
  await createKeyring(folder.at('dev.keyring'), [
    { id: 'passwords-2026', type: 'aes-256' },
    { id: 'passwords-2025', type: 'aes-256' },
    { id: 'rsa', type: 'rsa-oaep-sha256', modulusLength: 2048 },
  ])
  config = folder.at('kafka-envelope.yaml')
  await writeFile(config, CONFIG)
})
afterAll(() => folder.remove())
interface Ended {
  readonly code: unknown
  readonly stdout: Buffer
  readonly stderr: string
}

/** `kafka-envelope secret …` as its own process. */
async function spawned(args: readonly string[], input?: Buffer | string): Promise<Ended> {
  const all = [inject('cli'), 'secret', ...args, '--config', config]
  const child = spawn(process.execPath, all, { cwd: ROOT })
  const exit = once(child, 'exit') as Promise<[number | null]>
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}

/** The same command in this process, on a file: starting one takes a second. */
async function secret(args: readonly string[], input?: Buffer | string): Promise<Ended> {
  const file = folder.at('input')
  if (input !== undefined) await writeFile(file, input)
  const stdout: Buffer[] = []
  const stderr: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation(((chunk: Buffer | string, done?: () => void) => {
    // The command wipes what it has written.
    stdout.push(Buffer.from(chunk))
    done?.()
    return true
  }) as typeof process.stdout.write)
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    stderr.push(String(chunk))
    return true
  })
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Exit(Number(code))
  })
  const before = process.exitCode
  process.exitCode = 0
  try {
    const all = ['secret', ...args, '--config', config, ...(input === undefined ? [] : [file])]
    await kafkaEnvelopeCommand()
      .parseAsync(all, { from: 'user' })
      .catch((error: unknown) => {
        if (error instanceof Exit) process.exitCode = error.code
        else reportFailure(error)
      })
    return { code: process.exitCode, stdout: Buffer.concat(stdout), stderr: stderr.join('') }
  } finally {
    process.exitCode = before
    vi.restoreAllMocks()
  }
}

/** Commander ends the process for wrong use. */
class Exit extends Error {
  readonly code: number

  constructor(code: number) {
    super('exit')
    this.code = code
  }
}

/** Sets whether a stream of this process is a terminal, until it is called again. */
function setTerminal(stream: NodeJS.ReadStream | NodeJS.WriteStream, isTTY: boolean | undefined): void {
  Object.defineProperty(stream, 'isTTY', { value: isTTY, configurable: true, writable: true })
}

describe('kafka-envelope secret', { timeout: 60_000 }, () => {
  it('secret encrypt prints base64, and secret decrypt writes exactly the bytes and nothing else', async () => {
    const encrypted = await spawned(['encrypt', '--cmk', 'passwords', ...CONTEXT], 'correct horse')
    expect(encrypted).toMatchObject({ code: 0, stderr: '' })
    expect(encrypted.stdout.toString()).toMatch(/^a2VzZWMB[A-Za-z0-9+/]+={0,2}\n$/)
    expect(readSecret(Buffer.from(encrypted.stdout.toString(), 'base64'))).toMatchObject({
      provider: 'local',
      cmkId: 'passwords-2026',
    })
    const file = folder.at('db.secret')
    await writeFile(file, encrypted.stdout)
    expect(await spawned(['decrypt', '--cmk', 'passwords', ...CONTEXT, file])).toEqual({
      code: 0,
      stdout: Buffer.from('correct horse'),
      stderr: '',
    })
  })

  it('secret encrypt takes a file of 4,096 bytes, and secret decrypt its bytes or base64 in lines', async () => {
    const plain = Buffer.alloc(4096, 'x\x01\n')
    const raw = await secret(['encrypt', '--cmk', 'old', '--raw'], plain)
    expect(raw.stdout.subarray(0, 6).toString('latin1')).toBe('kesec\x01')
    const lines = raw.stdout.toString('base64').replaceAll(/(.{64})/g, '$1\r\n')
    for (const input of [raw.stdout, lines]) {
      const { stdout, stderr } = await secret(['decrypt', '--cmk', 'passwords'], input)
      expect(stderr).toBe('')
      expect(stdout).toEqual(plain)
    }
  })

  it('a secret that cannot be encrypted ends with 1, nothing on standard output, and one line that does not repeat it', async () => {
    const cases: readonly [args: readonly string[], input: string | undefined, expected: RegExp][] = [
      [['--cmk', 'passwords'], 'hunter2'.repeat(20_000), /^SECRET_TOO_LARGE: .*4,096 bytes.*envelope/],
      [['--cmk', 'passwords'], '', /^INVALID_SECRET: the secret is empty/],
      [['--cmk', 'rsa'], 'hunter2', /^CMK_UNUSABLE: CMK rsa encrypts no secrets/],
      [['--cmk', 'other'], 'hunter2', /^CONFIG_INVALID: .*it has passwords, old, rsa/],
      [
        ['--cmk', 'passwords', folder.at('missing')],
        undefined,
        /^the file with the secret .*: file not found$/m,
      ],
      [['--cmk', 'passwords', 'hunter2'], undefined, /^the file with the secret .*: file not found$/m],
      [['--cmk', 'passwords', 'hunter2'.repeat(100)], undefined, /^the file with .*: ENAMETOOLONG$/m],
      [['--cmk', 'passwords', '--context', 'kafka-envelope=x'], 'hunter2', /^INVALID_SECRET: .*reserved/],
      [['--cmk', 'passwords', '--context', 'app'], 'hunter2', /^error: .*Expected KEY=VALUE/],
      [['--cmk', 'passwords', ...CONTEXT, '--context', 'app=x'], 'hunter2', /^error: .*app is given twice/],
      [[], 'hunter2', /^error: required option '--cmk <name>'/],
    ]
    for (const [args, input, expected] of cases) {
      const { code, stdout, stderr } = await secret(['encrypt', ...args], input)
      expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(expected)
      expect(stderr).not.toContain('hunter2')
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    }
  })

  it('a secret that does not decrypt ends with 1, and nothing on standard output', async () => {
    const { stdout: encrypted } = await secret(['encrypt', '--cmk', 'passwords', ...CONTEXT], 'hunter2')
    const cases: readonly [args: readonly string[], input: Buffer | string, expected: RegExp][] = [
      [['--cmk', 'passwords'], encrypted, /^SECRET_NOT_AUTHENTIC: CMK passwords-2026/],
      [['--cmk', 'old', ...CONTEXT], encrypted, /^SECRET_OF_ANOTHER_CMK: .*local passwords-2026/],
      [['--cmk', 'passwords'], encrypted.subarray(0, 20), /^SECRET_MALFORMED: /],
      [['--cmk', 'passwords'], 'hunter2', /^SECRET_MALFORMED: the value is not base64/],
      [['--cmk', 'passwords'], '', /^SECRET_MALFORMED: /],
    ]
    for (const [args, input, expected] of cases) {
      const { code, stdout, stderr } = await secret(['decrypt', ...args], input)
      expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(expected)
      expect(stderr).not.toContain('hunter2')
    }
  })

  it('secret decrypt says once, and with 1, that nobody reads its output', async () => {
    const { stdout: encrypted } = await secret(['encrypt', '--cmk', 'passwords'], 'hunter2')
    const all = [inject('cli'), 'secret', 'decrypt', '--cmk', 'passwords']
    const child = spawn(process.execPath, [...all, '--config', config], { cwd: ROOT })
    const exit = once(child, 'exit')
    child.stdout.destroy()
    child.stdin.end(encrypted)
    expect(await text(child.stderr)).toBe('write EPIPE\n')
    expect(await exit).toEqual([1, null])
  })

  it('a line break at the end of a password is encrypted, and said; the last one of several is not', async () => {
    const one = await secret(['encrypt', '--cmk', 'passwords'], 'hunter2\n')
    expect(one.stderr).toMatch(/^note: the secret ends with a line break/)
    expect((await secret(['decrypt', '--cmk', 'passwords'], one.stdout)).stdout.toString()).toBe('hunter2\n')
    const several = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    expect((await secret(['encrypt', '--cmk', 'passwords'], several)).stderr).toBe('')
  })

  it('secret encrypt reads nothing from a terminal, and secret decrypt writes no control characters to one', async () => {
    const { isTTY: stdin } = process.stdin
    const { isTTY: stdout } = process.stdout
    const { stdout: encrypted } = await secret(['encrypt', '--cmk', 'passwords'], '\x1b]0;hunter2\x07')
    const { stdout: harmless } = await secret(['encrypt', '--cmk', 'passwords'], 'grüße\n')
    try {
      setTerminal(process.stdin, true)
      setTerminal(process.stdout, true)
      expect(await secret(['encrypt', '--cmk', 'passwords'])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('a secret is not read from a terminal') as string,
      })
      expect(await secret(['encrypt', '--cmk', 'passwords', '--raw'], 'hunter2')).toMatchObject({
        code: 1,
        stdout: Buffer.of(),
        stderr: expect.stringContaining('leave out --raw') as string,
      })
      expect(await secret(['decrypt', '--cmk', 'passwords'], encrypted)).toMatchObject({
        code: 1,
        stdout: Buffer.of(),
        stderr: expect.stringContaining('the secret is not plain text') as string,
      })
      expect((await secret(['decrypt', '--cmk', 'passwords'], harmless)).stdout.toString()).toBe('grüße\n')
    } finally {
      setTerminal(process.stdin, stdin)
      setTerminal(process.stdout, stdout)
    }
  })
})
