import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { loadConfig } from '../../../src/config-file/index.js'
import { createEncryption } from '../../../src/index.js'
import { SealedClientKafka } from '../../../src/nestjs/index.js'
import { sealsReplies } from '../../../src/nestjs/reply-topics.js'
import { internalsOf } from '../../../src/record/internals.js'
import { MemoryKms } from '../../support/memory-kms.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const page = readFileSync(join(root, 'docs/nestjs.md'), 'utf8')
const installed = join(root, process.env['NESTJS_IN'] ?? '.', 'node_modules')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code = '']) => code)

it('the program that docs/nestjs.md shows compiles under strict TypeScript', () => {
  const name = join(root, 'test/clients-on-broker/nestjs/the-page.ts')
  const code = blocks('ts')
    .join('\n')
    .replaceAll(/'kafka-envelope(\/[\w-]+)?'/g, (_, entry = '') => `'../../../src${String(entry)}/index.js'`)
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    strict: true,
    experimentalDecorators: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
    // The version of Nest that this project of the suite runs on.
    paths: { '@nestjs/*': [`${installed}/@nestjs/*`], rxjs: [`${installed}/rxjs`] },
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (file) => file === name || fileExists(file)
  host.getSourceFile = (file, language) =>
    file === name ? ts.createSourceFile(file, code, language) : getSourceFile(file, language)
  const program = ts.createProgram([name], options, host)
  const found = ts.getPreEmitDiagnostics(program, program.getSourceFile(name))
  expect(ts.formatDiagnostics(found, { ...host, getCurrentDirectory: () => root })).toBe('')
}, 180_000)

it('the rules that docs/nestjs.md shows are enough for a client that asks and a server that answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-nestjs-'))
  const file = join(folder, 'config.yaml')
  const cmks = 'version: 1\ncmks: { shop: [{ kms: dev, id: cmk }] }\n'
  await writeFile(file, `${cmks}${blocks('yaml').join('')}`)
  const config = await loadConfig(file, { kms: { dev: new MemoryKms().client() } })
  const encryption = await createEncryption(config)
  new SealedClientKafka({ encryption }).subscribeToResponseOf('prices')
  const { rules } = internalsOf(encryption, 'test')
  expect(sealsReplies(rules, 'prices', 'prices.reply')).toBe(true)
  await encryption.close()
  await rm(folder, { recursive: true })
})
