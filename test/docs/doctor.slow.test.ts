import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, inject, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../src/kms/local/index.js'
import { transcriptsOf } from './transcripts.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

it('the transcript without a broker in docs/doctor.md is what the command prints', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kafka-envelope-doctor-')))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const page = await readFile(join(root, 'docs/doctor.md'), 'utf8')
  const [, config = ''] = /^```yaml\n(version: 1\n.*?)^```/ms.exec(page) ?? []
  await writeFile(join(folder, 'kafka-envelope.yaml'), config)
  const keyring = join(folder, 'dev.keyring')
  await createKeyring(keyring, [
    { id: 'orders-2025', type: 'aes-256' },
    { id: 'cards-2025', type: 'aes-256' },
  ])
  await chmod(keyring, 0o644)
  const [{ args, output }, ...more] = transcriptsOf('doctor.md', 'doctor').filter(
    ({ args }) => !args.includes('--brokers'),
  ) as [ReturnType<typeof transcriptsOf>[number]]
  expect(more).toEqual([])
  const command = [inject('cli'), ...args]
  const ended = promisify(execFile)(process.execPath, command, { cwd: folder })
  const { code, stdout } = await ended.then(
    (printed) => ({ code: 0, ...printed }),
    (error: unknown) => error as { code: number; stdout: string },
  )
  expect(stdout.replaceAll(folder, '/srv/orders')).toMatch(output)
  expect(code).toBe(2)
}, 60_000)
