import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { Client } from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'

import { temporaryFolder, type TemporaryFolder } from '../../../test/kms/local/temporary-folder.js'

const ROOT = resolve(import.meta.dirname, '../../..')
const MAIN = resolve(import.meta.dirname, '../src/main.ts')
let folder: TemporaryFolder
const children: ChildProcessByStdio<null, Readable, Readable>[] = []

beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await folder.remove()
})

function command(...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  return child
}

interface Started {
  readonly endpoint: string
  readonly line: string
  /** Keyed by the name before `=`. */
  readonly fields: Readonly<Record<string, string>>
  /** Exit code and all output, after the signal. */
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; stdout: string; stderr: string }>
}

async function start(...args: string[]): Promise<Started> {
  const child = command(...args)
  const exit = once(child, 'exit') as Promise<[number | null]>
  const stderr = text(child.stderr)
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  while (!stdout.includes('\n')) {
    await Promise.race([once(child.stdout, 'data'), exit])
    if (child.exitCode !== null) throw new Error(await stderr)
  }
  const [url = '', ...rest] = stdout.trimEnd().split('\t')
  return {
    endpoint: url.replace('http://', ''),
    line: stdout,
    fields: Object.fromEntries(rest.map((field) => field.split('=', 2))) as Record<string, string>,
    async stop(signal) {
      child.kill(signal)
      const [code] = await exit
      return { code, stdout, stderr: await stderr }
    },
  }
}

function client({ endpoint, fields }: Started, secretKey = fields['secretKey']): Client {
  return new Client({
    credential: { secretId: fields['secretId'] ?? '', secretKey: secretKey ?? '' },
    region: 'ap-guangzhou',
    profile: { httpProfile: { protocol: 'http://', endpoint } },
  })
}

describe('the emulator on the command line', { timeout: 60_000 }, () => {
  it('the emulator on the command line prints one line with everything that a client needs, and ends on a signal', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const emulator = await start('--key', 'orders', 'partner:rsa-2048')
      expect(emulator.endpoint).toMatch(/^127\.0\.0\.1:\d+$/)
      const sdk = client(emulator)
      const { TotalCount } = await sdk.ListKeys({})
      expect(TotalCount).toBe(2)
      const [, KeyId = ''] = emulator.fields['partner']?.split('/') ?? []
      expect(await sdk.GetPublicKey({ KeyId })).toMatchObject({ KeyId })
      expect(await emulator.stop(signal)).toEqual({ code: 0, stdout: emulator.line, stderr: '' })
    }
  })

  it('the emulator on the command line starts with the same keys again with --file', async () => {
    const args = [
      '--file',
      folder.at('kms.json'),
      '--region',
      'ap-tokyo',
      '--key',
      'orders',
      '--key',
      'users',
    ]
    const first = await start(...args)
    await first.stop('SIGTERM')
    const second = await start(...args)
    expect(first.fields['orders']).toMatch(/^ap-tokyo\/[0-9a-f-]{36}$/)
    expect(second.fields['orders']).toBe(first.fields['orders'])
    expect(second.fields['users']).toBe(first.fields['users'])
    await second.stop('SIGTERM')
  })

  it('the emulator on the command line does not print the secret key of --secret-key', async () => {
    const emulator = await start('--secret-id', 'me', '--secret-key', 'do-not-print')
    expect(emulator.fields['secretId']).toBe('me')
    expect(emulator.line).not.toContain('do-not-print')
    expect(await client(emulator, 'do-not-print').ListKeys({})).toMatchObject({ TotalCount: 0 })
    await emulator.stop('SIGTERM')
  })

  it.each([
    ['an address that other machines can reach', ['--host', '0.0.0.0']],
    ['half of a pair', ['--secret-id', 'me']],
    ['a port that is too large', ['--port', '65536']],
    ['an unknown type of key', ['--key', 'orders:aes']],
    ['a malformed alias', ['--key', 'kms-orders']],
    ['an unknown region', ['--key', 'orders', '--region', 'mars-1']],
  ])('the emulator on the command line refuses %s in one line', async (_, args) => {
    const child = command(...args)
    const exit = once(child, 'exit') as Promise<[number | null]>
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
    expect(stderr).toMatch(/^(error|OPTIONS_INVALID): [^\n]+\n$/)
  })

  it('the emulator on the command line starts as docker-compose.yml starts it', async () => {
    const compose = await readFile(resolve(ROOT, 'docker-compose.yml'), 'utf8')
    const [, args = ''] =
      /^ {4}command: node packages\/tencent-kms-emulator\/dist\/esm\/main\.js (.*)$/m.exec(compose) ?? []
    expect(args).toContain('--port 7030')
    const emulator = await start(...args.replace('--port 7030', '--port 0').split(' '))
    const [, port = ''] = emulator.endpoint.split(':')
    // As a client on the host addresses the published port.
    const sdk = client({ ...emulator, endpoint: `localhost:${port}` })
    expect(await sdk.ListKeys({})).toMatchObject({ TotalCount: 1 })
    const answer = await fetch(`http://127.0.0.1:${port}`)
    expect(answer.ok).toBe(true)
    await emulator.stop('SIGTERM')
  })
})
