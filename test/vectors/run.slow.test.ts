import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DekVector } from '../../scripts/vectors/dek-vectors.js'
import { parseVectors, tryVectors, type Vector } from '../../scripts/vectors/try-vectors.js'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const script = (...files: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', at('../../scripts/vectors.ts'), ...files], {
    cwd: at('../..'),
    encoding: 'utf8',
  })

describe('npm run vectors', () => {
  let folder: string
  const file = (name: string, content: unknown): string => {
    const path = join(folder, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  const vectors = parseVectors(readFileSync(at('v1.json'), 'utf8'))
  const example = vectors.find(({ name }) => name === 'example/no-compression') as DekVector
  const refused = vectors.find(({ error }) => error === 'WRONG_TOPIC') as Vector

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-vectors-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  it('npm run vectors exits 0 if all vectors agree', () => {
    const { status, stdout } = script(file('good.json', [example, refused]), file('more.json', [example]))
    expect([status, stdout]).toEqual([0, '3 vectors, 0 disagreements, 0 files that cannot be read\n'])
  })

  it('npm run vectors prints a line for each disagreement, and exits 1', () => {
    const path = file('bad.json', [
      { ...example, name: 'one', plaintext: '00' },
      { ...example, name: 'two', plaintext: null, error: 'MALFORMED' },
      { ...refused, name: 'three', plaintext: '', error: null },
      refused,
    ])
    const { status, stdout } = script(path)
    expect(status).toBe(1)
    expect(stdout.split('\n')).toEqual([
      `${path}: one: expected to open, got another plaintext`,
      `${path}: two: expected MALFORMED, got a plaintext`,
      `${path}: three: expected to open, got WRONG_TOPIC`,
      '4 vectors, 3 disagreements, 0 files that cannot be read',
      '',
    ])
  })

  it('npm run vectors exits 1 if a file cannot be read, and tries the others', async () => {
    const { status, stdout } = script(join(folder, 'absent.json'), file('again.json', [example]))
    expect(status).toBe(1)
    expect(stdout).toContain('1 vectors, 0 disagreements, 1 files that cannot be read')
    for (const content of ['{', '{}', [{ ...example, envelope: 'xyz' }], [{ name: 'x' }]])
      expect(await tryVectors(file('not.json', content))).toMatchObject({ readable: false, count: 0 })
    expect(script().status).toBe(1)
  })

  it('npm run vectors accepts hex in upper and lower case', async () => {
    const upper = { ...example, envelope: example.envelope.toUpperCase(), key: example.key?.toUpperCase() }
    expect(await tryVectors(file('upper.json', [upper]))).toEqual({ readable: true, count: 1, lines: [] })
  })
})
