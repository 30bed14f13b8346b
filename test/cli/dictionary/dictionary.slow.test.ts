import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { sampleValues } from '../../../bench/parts/samples/samples.js'
import { HAS_ZSTD } from '../../../src/config/has-zstd.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

const ROOT = resolve(import.meta.dirname, '../../..')
let folder: TemporaryFolder
let file: string
let lines: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('orders.dict')
  lines = folder.at('orders.jsonl')
  await writeFile(lines, sampleValues('order', 200, 1).join('\r\n'))
})
afterEach(() => folder.remove())

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(...args: string[]): Promise<Ended> {
  const command = [inject('cli'), 'dictionary', ...args]
  return promisify(execFile)(process.execPath, command, { cwd: ROOT }).then(
    (ended) => ({ code: 0, ...ended }),
    (error: unknown) => error as Ended,
  )
}

describe('kafka-envelope dictionary', { timeout: 60_000 }, () => {
  it('kafka-envelope dictionary creates a dictionary, shows it, and measures it', async () => {
    const created = await run('create', file, '--samples', lines, '--show')
    expect(created).toMatchObject({ code: 0, stderr: '' })
    const bytes = await readFile(file)
    expect(created.stdout).toContain(`${file}: ${bytes.length.toLocaleString('en-US')} bytes, `)
    const hash = `SHA-256 ${createHash('sha256').update(bytes).digest('hex')}\n`
    expect(created.stdout).toContain(hash)
    expect(created.stdout).toContain(
      'Learned from 160 different samples; each run occurs in at least 10 of them.\nThis counts samples, not people: ',
    )
    expect(created.stdout).toContain('Bytes a record, on 40 samples')
    expect(created.stdout).toMatch(/^ {2}dictionary( +\d+){4}$/m)
    expect(created.stdout).toContain('\nThe batches: ')
    const shown = created.stdout.split('The runs, the most useful last\n')[1]?.trimEnd().split('\n') ?? []
    // The separator of text is a zero.
    expect(shown.map((line) => line.slice(2))).toEqual(bytes.toString('latin1').split('\0'))

    const measured = await run('measure', file, '--samples', lines)
    expect(measured).toMatchObject({ code: 0, stderr: '' })
    expect(measured.stdout).toContain(hash)
    expect(measured.stdout).toContain('Bytes a record, on 200 samples')
    expect(measured.stdout).toMatch(/^ {2}gzip( +\d+){4}$/m)
    expect(/^ {2}zstd( +\d+){4}$/m.test(measured.stdout)).toBe(HAS_ZSTD)
  })

  it('kafka-envelope dictionary replaces a file only if it is told to', async () => {
    await writeFile(file, 'kept')
    const refused = await run('create', file, '--samples', lines)
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: `${file} exists; --force replaces it\n` })
    expect(await readFile(file, 'utf8')).toBe('kept')
    const replaced = await run('create', file, '--samples', lines, '--force')
    expect(replaced).toMatchObject({ code: 0 })
    const hash = createHash('sha256').update('kept').digest('hex')
    expect(replaced.stderr).toContain(`warning: ${file} had the SHA-256 ${hash}. Readers without`)
    expect((await readFile(file)).length).toBeGreaterThan(1000)
    // The same samples give the same file, which no reader lacks.
    expect(await run('create', file, '--samples', lines, '--force')).toMatchObject({ code: 0, stderr: '' })
  })

  it('kafka-envelope dictionary takes each file that has no lines as one sample', async () => {
    const files = await Promise.all(
      sampleValues('order', 30, 2).map(async (value, i) => {
        const path = folder.at(`${String(i)}.bin`)
        await writeFile(path, value)
        return path
      }),
    )
    const created = await run('create', file, '--samples', ...files)
    expect(created).toMatchObject({ code: 0, stderr: '' })
    expect(created.stdout).toContain('Learned from 24 different samples; ')
  })

  it('kafka-envelope dictionary writes nothing that is no better than gzip, and says by which figures', async () => {
    // The samples that are kept back lack what the others have in common.
    const values = Array.from({ length: 40 }, (_, i) => {
      const id = createHash('sha256').update(String(i)).digest('hex').slice(0, 16)
      return JSON.stringify(i % 5 === 4 ? id : `abcd${id}`)
    })
    await writeFile(lines, values.join('\n'))
    const { code, stdout, stderr } = await run('create', file, '--samples', lines, '--min-samples', '32')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /^nothing written: .* takes \d+\.\d bytes with the dictionary, \d+\.\d with gzip and \d+\.\d without compression\n$/,
    )
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('kafka-envelope dictionary writes nothing that saves less than the name of a dictionary takes', async () => {
    const values = Array.from(
      { length: 200 },
      (_, i) => `"order-status-${createHash('sha256').update(String(i)).digest('hex').slice(0, 24)}"`,
    )
    await writeFile(lines, values.join('\n'))
    const { code, stderr } = await run('create', file, '--samples', lines)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nothing written: .* a sealed record takes /)
  })

  it('kafka-envelope dictionary leaves out what only samples about one person have in common', async () => {
    const events = Array.from({ length: 1000 }, (_, i) => ({
      event: i,
      status: ['placed', 'paid', 'sent'][i % 3],
      customer: { id: String(i % 14 === 0 ? 0 : i), address: i % 14 === 0 ? 'Zyxw Street 17' : randomUUID() },
    }))
    await writeFile(lines, events.map((event) => JSON.stringify(event)).join('\n'))
    expect(await run('create', file, '--samples', lines)).toMatchObject({ code: 0 })
    expect((await readFile(file)).includes('Zyxw')).toBe(true)

    const grouped = await run('create', file, '--samples', lines, '--group-by', 'customer.id', '--force')
    expect(grouped).toMatchObject({ code: 0 })
    expect(grouped.stdout).toMatch(
      /^Learned from 800 different samples in 7\d\d groups; each run occurs in at least 10 groups\.\nThis counts groups, not people: /m,
    )
    const bytes = await readFile(file)
    expect([bytes.includes('Zyxw'), bytes.includes('"status":"p')]).toEqual([false, true])
  })

  it('kafka-envelope dictionary reports a mistake in one line', async () => {
    await writeFile(folder.at('few.jsonl'), '{}\n{}\n')
    await writeFile(folder.at('large.dict'), Buffer.alloc(32_769))
    for (const [args, message] of [
      [['create', file], 'error: '],
      [['create', file, '--samples', lines, '--min-samples', '1'], 'error: '],
      [
        ['create', file, '--samples', folder.at('few.jsonl')],
        'too few samples for --min-samples 10: of 2, 1 are different; ',
      ],
      [['create', file, '--samples', folder.at('no.jsonl')], 'ENOENT'],
      [['create', file, '--samples', lines, '--records', '30'], "error: option '--samples <file...>' cannot"],
      [
        ['create', file, '--samples', lines, '--config', 'a.mjs'],
        "error: option '--samples <file...>' cannot",
      ],
      [
        ['measure', folder.at('large.dict'), '--samples', lines],
        `${folder.at('large.dict')}: a dictionary has`,
      ],
    ] as const) {
      const { code, stdout, stderr } = await run(...args)
      expect({ code, stdout }, message).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/^[^\n]+\n$/)
      expect(stderr.startsWith(message), stderr).toBe(true)
    }
  })
})
