import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import type { RuleVector } from '../../scripts/vectors/rule-vectors.js'
import { transcriptsOf } from './transcripts.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-operate-'))
  const vectors = JSON.parse(await readFile(join(root, 'test/vectors/rules/v1.json'), 'utf8')) as RuleVector[]
  // The worked example of docs/format.md.
  const example = vectors.find(({ name }) => name === 'example/no-compression')
  await writeFile(join(folder, 'order.hex'), example?.envelope ?? '')
  await writeFile(join(folder, 'dev.keyring'), JSON.stringify(example?.keyring), { mode: 0o600 })
  const page = await readFile(join(root, 'docs/operate.md'), 'utf8')
  const [, config = ''] = /^```yaml\n(version: 1\n.*?)^```/ms.exec(page) ?? []
  await writeFile(join(folder, 'kafka-envelope.yaml'), config)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** What a command prints, whatever its exit code. */
async function printed(args: readonly string[]): Promise<string> {
  const all = [inject('cli'), ...args]
  const ended = promisify(execFile)(process.execPath, all, { cwd: folder })
  const { stdout, stderr } = await ended.catch(
    (error: unknown) => error as { stdout: string; stderr: string },
  )
  return stdout + stderr
}

it('each transcript of inspect without a broker in docs/operate.md is what the command prints', async () => {
  const transcripts = transcriptsOf('operate.md', 'inspect').filter(({ args }) => !args.includes('--brokers'))
  expect(transcripts.length).toBeGreaterThan(2)
  for (const { args, output } of transcripts) expect(await printed(args)).toMatch(output)
}, 120_000)
