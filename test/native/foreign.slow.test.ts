import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compileHereOnce, compiler, ROOT } from '../../scripts/native/compile.js'

const NATIVE = fileURLToPath(new URL('../../native/index.cjs', import.meta.url))
const HEADERS = fileURLToPath(new URL('include', import.meta.resolve('node-api-headers')))

const folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-foreign-'))
const foreign = join(folder, 'foreign.node')
const copy = join(folder, 'copy')

beforeAll(() => {
  compileHereOnce()
  const flags = [
    '-std=c11',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fPIC',
    '-shared',
    '-DNAPI_VERSION=8',
    `-I${HEADERS}`,
  ]
  const linking = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  execFileSync(compiler() ?? 'cc', [...flags, 'test/native/foreign.c', ...linking, '-o', foreign], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  for (const part of ['index.cjs', 'build/kafka-envelope.node'])
    cpSync(join(ROOT, 'native', part), join(copy, part))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** In a process of its own: an object that is taken for a key may end it. */
const PROLOGUE = `
  const native = require(${JSON.stringify(NATIVE)})
  const foreign = require(${JSON.stringify(foreign)})
  const record = [new Uint8Array(28), new Uint8Array(0), new Uint8Array(1), 0, 12, 28]
  const use = (key) => native.openOne(key, ...record)
  function codeOf(run) {
    try {
      run()
      return 'nothing thrown'
    } catch ({ code }) {
      return code
    }
  }
  const tryAll = (key) => [
    codeOf(() => use(key)),
    codeOf(() => native.seal(key, 0, new Uint8Array(28), new Uint8Array(0), Uint32Array.of(0, 12, 28, 28, 0, 0))),
    codeOf(() => native.destroyKey(key)),
  ]
`
const REFUSED = ['NATIVE_KEY', 'NATIVE_KEY', 'NATIVE_KEY']

function outputOf(program: string): unknown {
  const args = ['--expose-gc', '-e', `${PROLOGUE}${program}`]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 }))
}

it('an object of another addon is no key where the key that was used last has been destroyed', () => {
  const program = `
    const key = native.createKey(new Uint8Array(32))
    const other = foreign.alike(key)
    use(key)
    native.destroyKey(key)
    console.log(JSON.stringify(tryAll(other)))`
  expect(outputOf(program)).toEqual(REFUSED)
})

it('an object of another addon is no key where the key that was used last has been collected', () => {
  const program = `
    let key = native.createKey(new Uint8Array(32))
    const other = foreign.alike(key)
    use(key)
    let isCollected = false
    const registry = new FinalizationRegistry(() => (isCollected = true))
    registry.register(key)
    key = undefined
    const collect = setInterval(() => {
      // In the turn after, the memory is free, too.
      if (!isCollected) return gc()
      console.log(JSON.stringify(tryAll(other)))
      clearInterval(collect)
    }, 5)`
  expect(outputOf(program)).toEqual(REFUSED)
})

it('an object of another addon is no key if another key was used last, or none', () => {
  const program = `
    const [key, last] = [1, 2].map((byte) => native.createKey(new Uint8Array(32).fill(byte)))
    const others = [foreign.alike(key), foreign.empty()]
    const tried = others.map(tryAll)
    use(last)
    tried.push(...others.map(tryAll))
    native.destroyKey(last)
    tried.push(...others.map(tryAll))
    console.log(JSON.stringify(tried))`
  expect(outputOf(program)).toEqual(Array(6).fill(REFUSED))
})

it('a key of another copy of the addon is no key', () => {
  const program = `
    const key = require(${JSON.stringify(join(copy, 'index.cjs'))}).createKey(new Uint8Array(32))
    use(native.createKey(new Uint8Array(32)))
    console.log(JSON.stringify(tryAll(key)))`
  expect(outputOf(program)).toEqual(REFUSED)
})
