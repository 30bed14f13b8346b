import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BINARY, ROOT } from '../../scripts/native/compile.js'
import { createKey } from './batch.js'

let folder: string
beforeEach(() => {
  expect(createKey(new Uint8Array(32))).toBeDefined()
  folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-native-'))
  cpSync(join(ROOT, 'native/index.cjs'), join(folder, 'index.cjs'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** The code of the error with which a copy of the package fails to load, or 'loads'. */
function load(before = ''): string {
  const entry = JSON.stringify(join(folder, 'index.cjs'))
  const program = `${before}; try { require(${entry}); console.log('loads') } catch (error) { console.log(error.code) }`
  return execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }).trim()
}

const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
const usesMusl = process.platform === 'linux' && report.header.glibcVersionRuntime === undefined
const platform = `${process.platform}-${process.arch}${usesMusl ? '-musl' : ''}`

it('a package without a binary for the platform fails to load, with a code', () => {
  expect(load()).toBe('NATIVE_NO_BINARY')
  expect(load(`Object.defineProperty(process, 'arch', { value: 'vax' })`)).toBe('NATIVE_NO_BINARY')
})

it('the binary of the platform is found in prebuilds', () => {
  const file = join(folder, 'prebuilds', platform, 'kafka-envelope.node')
  mkdirSync(dirname(file), { recursive: true })
  cpSync(BINARY, file)
  expect(load()).toBe('loads')
})

it('a binary that is none fails to load, with a code', () => {
  mkdirSync(join(folder, 'build'))
  writeFileSync(join(folder, 'build/kafka-envelope.node'), 'not a library')
  expect(load()).toBe('NATIVE_LOAD_FAILED')
})

it('a binary whose bytes differ from those of node:crypto fails to load, with a code', () => {
  mkdirSync(join(folder, 'build'))
  cpSync(BINARY, join(folder, 'build/kafka-envelope.node'))
  // The same binary, but every tag has one bit changed.
  const wrong = `const { dlopen } = process; process.dlopen = (addon, ...rest) => {
    dlopen(addon, ...rest)
    const { seal } = addon.exports
    addon.exports = { ...addon.exports, seal(key, counter, data, aads, layout) { seal(key, counter, data, aads, layout); data[12] ^= 1 } }
  }`
  expect(load(wrong)).toBe('NATIVE_SELF_TEST')
})

it('a binary whose streams node:zlib does not read, or that reads others, fails to load, with a code', () => {
  mkdirSync(join(folder, 'build'))
  cpSync(BINARY, join(folder, 'build/kafka-envelope.node'))
  const wrong = (
    name: string,
    body: string,
  ) => `const { dlopen } = process; process.dlopen = (addon, ...rest) => {
    dlopen(addon, ...rest)
    const right = addon.exports.${name}
    addon.exports = { ...addon.exports, ${name}(stream, source, target) { const length = right(stream, source, target); ${body} } }
  }`
  expect(load(wrong('deflate', 'return length'))).toBe('loads')
  for (const [name, body] of [
    ['deflate', 'return -1'],
    ['deflate', 'target[3] ^= 1; return length'],
    ['inflate', 'target[3] ^= 1; return length'],
    ['inflate', 'return length - 1'],
    ['inflate', 'return length === -1 ? 57 : length'],
  ] as const)
    expect(load(wrong(name, body))).toBe('NATIVE_SELF_TEST')
})
