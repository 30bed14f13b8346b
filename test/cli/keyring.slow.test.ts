import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'

import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'

import { kafkaEnvelopeCommand } from '../../src/cli/program.js'
import { reportFailure } from '../../src/cli/report-failure.js'
import { localKms } from '../../src/kms/local/index.js'
import { VERSION } from '../../src/version.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'

const ROOT = resolve(import.meta.dirname, '../..')
const { signal } = new AbortController()
let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('dev.keyring')
})
afterEach(() => folder.remove())

interface Ended {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

/** As its own process. */
async function spawned(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [inject('cli'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'exit') as Promise<[number | null]>
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}

/** The same command in this process: starting one takes a second. */
async function run(...args: string[]): Promise<Ended> {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk)
      return true
    }),
  )
  const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Exit(Number(code))
  })
  const before = process.exitCode
  process.exitCode = 0
  try {
    await kafkaEnvelopeCommand().parseAsync(args, { from: 'user' }).catch(reportFailureUnlessExit)
    return { code: process.exitCode, ...written }
  } finally {
    process.exitCode = before
    for (const spy of [...spies, exit]) spy.mockRestore()
  }
}

class Exit extends Error {
  readonly code: number

  constructor(code: number) {
    super('exit')
    this.code = code
  }
}

function reportFailureUnlessExit(error: unknown): void {
  if (error instanceof Exit) process.exitCode = error.code
  else reportFailure(error)
}

async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** Expects that the command prints one line that begins with `start`, and nothing else. */
async function fail(start: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(...args)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^[^\n]+\n$/)
  expect(stderr.startsWith(start), stderr).toBe(true)
}

describe('kafka-envelope', { timeout: 60_000 }, () => {
  it('kafka-envelope prints the version of package.json', async () => {
    const { version } = JSON.parse(await readFile(resolve(ROOT, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(VERSION).toBe(version)
    expect(await succeed('--version')).toBe(`${version}\n`)
  })

  it('kafka-envelope behaves the same as a process', async () => {
    for (const args of [['--version'], ['keyrin'], ['keyring', 'create'], ['keyring', 'list', file]]) {
      expect(await spawned(...args), args.join(' ')).toEqual(await run(...args))
    }
  })

  it('kafka-envelope reports an unknown command in one line, including suggestions', async () => {
    await fail('error: ', 'keyring', 'destroy', file)
    await fail('error: ', 'keyrin')
    await fail('error: ', 'keyring', 'lst', file)
    await fail('error: ', 'keyring', 'create', file, '--cmks', 'orders')
    await fail('error: ', 'keyring', 'create')
  })
})

describe('kafka-envelope keyring', { timeout: 60_000 }, () => {
  it('kafka-envelope keyring creates a keyring with CMKs that work', async () => {
    expect(await succeed('keyring', 'create', file, '--cmk', 'orders', 'billing', '--cmk', 'users')).toBe('')
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600)
    const kms = localKms({ keyring: file })
    for (const cmkId of ['orders', 'billing', 'users']) {
      await kms.verify({ cmkId, context: {}, signal, use: 'unwrap' })
    }
  })

  it('kafka-envelope keyring adds, rotates, disables, enables and lists', async () => {
    await succeed('keyring', 'create', file)
    expect(await succeed('keyring', 'list', file)).toBe('')
    await succeed('keyring', 'add', file, '--cmk', 'orders')
    await succeed(
      'keyring',
      'add',
      file,
      '--cmk',
      'partner',
      '--type',
      'rsa-oaep-sha256',
      '--modulus',
      '2048',
    )
    await succeed('keyring', 'rotate', file, '--cmk', 'orders')
    await succeed('keyring', 'disable', file, '--cmk', 'orders')
    expect(columns(await succeed('keyring', 'list', file))).toEqual([
      ['orders', 'aes-256', 'disabled', 'v2'],
      ['partner', 'rsa-oaep-sha256', 'enabled', 'v1'],
    ])
    await succeed('keyring', 'enable', file, '--cmk', 'orders')
    expect(columns(await succeed('keyring', 'list', file))[0]?.[2]).toBe('enabled')
  })

  it('kafka-envelope keyring uses the same option for a CMK in every command', async () => {
    for (const command of ['add', 'rotate', 'disable', 'enable', 'export-public', 'import-public']) {
      await fail("error: required option '--cmk <name>' not specified", 'keyring', command, file)
    }
    await succeed('keyring', 'create', file, '--cmk', 'a', '--type', 'rsa-oaep-sha256', '--modulus', '2048')
    expect(await succeed('keyring', 'export-public', file, '--cmk', 'a')).toContain('PUBLIC KEY')
  })

  it('kafka-envelope keyring transfers a public key from one keyring to another', async () => {
    await succeed('keyring', 'create', file, '--cmk', 'partner', '--type', 'rsa-oaep-sha256')
    const pem = await succeed('keyring', 'export-public', file, '--cmk', 'partner')
    expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n/)
    await writeFile(folder.at('partner.pem'), pem)
    const producer = folder.at('producer.keyring')
    await succeed('keyring', 'create', producer)
    await succeed('keyring', 'import-public', producer, '--cmk', 'partner', '--pem', folder.at('partner.pem'))
    expect(columns(await succeed('keyring', 'list', producer))).toEqual([
      ['partner', 'rsa-oaep-sha256 (public)', 'enabled', 'v1'],
    ])
    const call = { cmkId: 'partner', context: {}, signal }
    const { dek, ciphertextDek } = await localKms({ keyring: producer }).generateDek(call)
    expect(await localKms({ keyring: file }).unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
  })

  it('kafka-envelope keyring ends without a stack trace if its output is closed', async () => {
    const cmks = Array.from({ length: 2_000 }, (_, at) => `${'a'.repeat(200)}${String(at)}`)
    await succeed('keyring', 'create', file, '--cmk', ...cmks)
    const args = [inject('cli'), 'keyring', 'list', file]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(stderr).toMatch(/^[^\n]*EPIPE[^\n]*\n$/)
    expect(child.exitCode).toBe(1)
  })

  it('kafka-envelope keyring reports a mistake in one line', async () => {
    await fail('KEYRING_NOT_FOUND: ', 'keyring', 'list', file)
    await succeed('keyring', 'create', file, '--cmk', 'orders')
    await fail('KEYRING_EXISTS: ', 'keyring', 'create', file)
    const { stderr } = await run('keyring', 'create', file, '--cmk', 'billing')
    expect(stderr).toContain('`npx kafka-envelope keyring add FILE --cmk NAME`')
    await fail('KEYRING_EXISTS: ', 'keyring', 'add', file, '--cmk', 'orders')
    await fail('CMK_NOT_FOUND: ', 'keyring', 'rotate', file, '--cmk', 'unknown')
    await fail('CMK_UNUSABLE: ', 'keyring', 'export-public', file, '--cmk', 'orders')
    await fail('CONFIG_INVALID: ', 'keyring', 'add', file, '--cmk', 'a\nb')
    await fail('CONFIG_INVALID: ', 'keyring', 'add', file, '--cmk', 'short', ...rsaOf('1024'))
    await fail('error: ', 'keyring', 'add', file, '--cmk', 'odd', ...rsaOf('2e3'))
    await fail('error: ', 'keyring', 'add', file, '--cmk', 'odd', '--type', 'aes-128')
    await fail('ENOENT', 'keyring', 'import-public', file, '--cmk', 'partner', '--pem', folder.at('no.pem'))
    await fail('KEYRING_NOT_FOUND: ', 'keyring', 'list', `${file}\nnext`)
    if (process.platform === 'win32') return
    await chmod(file, 0o644)
    await fail('KEYRING_EXPOSED: ', 'keyring', 'rotate', file, '--cmk', 'orders')
  })
})

function rsaOf(bits: string): string[] {
  return ['--type', 'rsa-oaep-sha256', '--modulus', bits]
}

/** All columns but the time. */
function columns(list: string): string[][] {
  const lines = list.split('\n').slice(0, -1)
  return lines.map((line) => line.split('\t').slice(0, 4))
}
