import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { verifyAuditLog } from '../../src/audit/index.js'
import { linesIn } from './audited.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(root, 'test/.audit-'))
  await writeFile(join(folder, 'program.ts'), PROGRAM)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Makes DEKs as fast as it can, and prints each head. */
const PROGRAM = `
import { createEncryption } from '${root}src/index.ts'
import { openAuditLog } from '${root}src/audit/index.ts'
import { memoryKms } from '${root}src/kms/memory/index.ts'
import { sealRecords } from '${root}src/record/index.ts'

const encryption = await createEncryption({
  kms: { memory: memoryKms({ cmks: ['cmk'] }) },
  cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
  topics: [{ match: ['t'], encrypt: { cmk: 'main' } }],
})
const onHead = ({ hash }) => process.stdout.write('head ' + hash + '\\n')
try {
  await openAuditLog(encryption, { file: './audit.jsonl', headEvery: 0, maxFileBytes: '64KiB', onHead })
} catch ({ code }) {
  process.stdout.write(code + '\\n')
  process.exit(3)
}
for (;;) {
  await sealRecords(encryption, [{ topic: 't', value: 'x' }])
  await encryption.rotate()
}
`

function start() {
  const child = spawn(process.execPath, ['--import', 'tsx', 'program.ts'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  return {
    child,
    printed: () => printed,
    /** The heads that were printed as a whole. */
    heads: () => [...printed.matchAll(/^head ([0-9a-f]{64})\n/gm)].map(([, hash = '']) => hash),
    ended: once(child, 'exit') as Promise<[number | null, string | null]>,
  }
}

async function logFiles(): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /^audit\.jsonl(\.\d+)?$/.test(name))
  return [...names.filter((name) => name !== 'audit.jsonl').sort(), 'audit.jsonl'].map((name) =>
    join(folder, name),
  )
}

it('a log whose process is killed again and again goes on, and has every line that a printed head promised', async () => {
  const heads: string[] = []
  for (let kill = 0; kill < 6; kill++) {
    const { child, heads: seen, ended } = start()
    while (seen().length < 20 + 17 * kill) {
      if (child.exitCode !== null) throw new Error('the program ended')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (kill === 3) {
      const second = start()
      expect(await second.ended).toEqual([3, null])
      expect(second.printed()).toBe('AUDIT_LOG_IN_USE\n')
    }
    child.kill('SIGKILL')
    await ended
    heads.push(...seen())
  }
  const files = await logFiles()
  expect(files.length).toBeGreaterThan(1)
  const result = await verifyAuditLog(files, { heads })
  // The last line may be unfinished, because nothing has started after it.
  expect(result.findings.filter(({ problem }) => problem !== 'unfinished')).toEqual([])
  expect(heads.length).toBeGreaterThan(200)
  const starts = (await Promise.all(files.map((file) => linesIn(file).catch(() => []))))
    .flat()
    .filter(({ event }) => event === 'audit.started')
  expect(starts.length).toBeGreaterThanOrEqual(5)
  expect(result.notes.length).toBeGreaterThanOrEqual(5)
  expect((await readFile(join(folder, 'audit.jsonl.lock'), 'utf8')).length).toBeGreaterThan(0)
}, 120_000)
