import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { createKey } from './batch.js'

const ENTRY = fileURLToPath(new URL('../../native/index.cjs', import.meta.url))

/** A program that can seal: `batch(n)` gives arguments for n records of 1 KiB. */
const PROLOGUE = `
  const { parentPort, threadId, Worker } = require('node:worker_threads')
  const native = require(${JSON.stringify(ENTRY)})
  const key = native.createKey(Buffer.alloc(32, threadId))
  function batch(records) {
    const numbers = Array.from({ length: records }, (_, i) => [0, 12, 28, 1052].map((at) => i * 1052 + at).concat(0, 0))
    return [0, new Uint8Array(1052 * records), new Uint8Array(0), Uint32Array.from(numbers.flat())]
  }
  const { deflateRawSync, inflateRawSync } = require('node:zlib')
  const dictionary = Buffer.alloc(32768, 'dictionary ' + threadId)
  /** Whether a value survives both directions, with zlib on the other side. */
  function survives(deflater, inflater) {
    const [value, target] = [Buffer.from('a value of the dictionary ' + threadId), Buffer.alloc(1000)]
    const written = inflateRawSync(Buffer.from(target.subarray(0, native.deflate(deflater, value, target))), { dictionary })
    const read = target.subarray(0, native.inflate(inflater, deflateRawSync(value, { dictionary }), target))
    return written.equals(value) && read.equals(value)
  }
`

async function run(program: string, ...flags: string[]): Promise<{ code: number; stdout: string }> {
  try {
    const args = [...flags, '-e', PROLOGUE + program]
    return { code: 0, ...(await promisify(execFile)(process.execPath, args, { timeout: 20_000 })) }
  } catch (error) {
    const { code, signal, stdout } = error as { code: number; signal: string | null; stdout: string }
    if (signal !== null) throw error
    return { code, stdout }
  }
}

describe('worker threads', () => {
  it('threads seal side by side, each under a key of its own', async () => {
    const program = `${PROLOGUE}
      const [counter, data, aads, layout] = batch(100)
      for (let i = 0; i < 50; i++) native.seal(key, counter, data.fill(7), aads, layout)
      const into = Uint32Array.from(Array.from({ length: 100 }, (_, i) => [...layout.subarray(6 * i, 6 * i + 6), 1024 * i]).flat())
      const target = new Uint8Array(102400)
      const failed = native.openInto(key, data, target, aads, into, new Uint8Array(100))
      const alone = new Uint8Array(1024)
      const opened = native.openOne(key, data.subarray(0, 1052), alone, aads, 0, 12, 28)
      parentPort.postMessage(failed === 0 && opened && [...target, ...alone].every((byte) => byte === 7))`
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map(
        () =>
          new Promise((resolve, reject) => {
            new Worker(program, { eval: true }).once('message', resolve).once('error', reject)
          }),
      ),
    )
    expect(outcomes).toEqual([true, true, true, true])
  })

  it('threads compress side by side, each with a dictionary of its own', async () => {
    const program = `${PROLOGUE}
      const [deflater, inflater] = [native.createDeflater(dictionary), native.createInflater(dictionary)]
      let right = 0
      for (let i = 0; i < 500; i++) if (survives(deflater, inflater)) right++
      parentPort.postMessage(right)`
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map(
        () =>
          new Promise((resolve, reject) => {
            new Worker(program, { eval: true }).once('message', resolve).once('error', reject)
          }),
      ),
    )
    expect(outcomes).toEqual([500, 500, 500, 500])
  })

  it('a thread may be terminated while it compresses, and its memory is freed', async () => {
    const { code, stdout } = await run(`
      // The loop has none of node:zlib: Node.js aborts when a thread ends while it makes such a stream
      // (assertion "close before init" in node_zlib.cc).
      const forever = ${JSON.stringify(`${PROLOGUE}
        const all = Array.from({ length: 30 }, () => [native.createDeflater(dictionary), native.createInflater(dictionary)])
        const [value, target] = [Buffer.from('a value of the dictionary ' + threadId), Buffer.alloc(1000)]
        const compressed = deflateRawSync(value, { dictionary })
        parentPort.postMessage(1)
        for (;;) for (const [deflater, inflater] of all) {
          native.deflate(deflater, value, target)
          native.inflate(inflater, compressed, target)
        }`)}
      async function round() {
        const worker = new Worker(forever, { eval: true })
        await new Promise((resolve) => worker.once('message', resolve))
        await worker.terminate()
      }
      async function main() {
        for (let i = 0; i < 5; i++) await round()
        const before = process.memoryUsage.rss()
        for (let i = 0; i < 15; i++) await round()
        // What stayed of 450 pairs would take over 200 MB.
        console.log(process.memoryUsage.rss() - before < 80e6)
      }
      main()`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' })
  })

  it('streams that are dropped are collected before they fill the memory', async () => {
    const { code, stdout } = await run(`
      async function main() {
        const before = process.memoryUsage.rss()
        for (let i = 0; i < 2000; i++) {
          survives(native.createDeflater(dictionary), native.createInflater(dictionary))
          if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        // All of them would take 1 GB.
        console.log(process.memoryUsage.rss() - before < 300e6)
      }
      main()`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' })
  })

  it('a key does not reach another thread', async () => {
    const worker = new Worker(
      `${PROLOGUE}
        parentPort.once('message', (other) => {
          try { native.seal(other, ...batch(1)) } catch (error) { parentPort.postMessage(error.code) }
        })`,
      { eval: true },
    )
    const answer = new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject)
    })
    worker.postMessage(createKey(Buffer.alloc(32)))
    expect(await answer).toBe('NATIVE_KEY')
    await worker.terminate()
  })

  it('a thread may be terminated while it seals, and others go on', async () => {
    const { code, stdout } = await run(`
      const forever = ${JSON.stringify(`${PROLOGUE} parentPort.postMessage(1); for (;;) native.seal(key, ...batch(500))`)}
      async function main() {
        for (let i = 0; i < 10; i++) {
          const worker = new Worker(forever, { eval: true })
          await new Promise((resolve) => worker.once('message', resolve))
          await worker.terminate()
          native.seal(key, ...batch(500))
        }
        console.log('done')
      }
      main()`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'done\n' })
  })
})

describe('the end of a process', () => {
  const FOREVER = `const forever = ${JSON.stringify(`${PROLOGUE} parentPort.postMessage(1); for (;;) native.seal(key, ...batch(500))`)}
    for (let i = 0; i < 3; i++) new Worker(forever, { eval: true }).once('message', () => started())
    let waiting = 3
    const started = () => { if (--waiting === 0) end() }`

  it('process.exit() while threads seal is an ordinary end', async () => {
    for (let i = 0; i < 5; i++) {
      const { code } = await run(
        `${FOREVER}; const end = () => { native.seal(key, ...batch(500)); process.exit(3) }`,
      )
      expect(code).toBe(3)
    }
  })

  it('an exception while threads seal is an ordinary end', async () => {
    const { code } = await run(`${FOREVER}; const end = () => { throw new Error('expected') }`)
    expect(code).toBe(1)
  })

  it('keys that nobody destroyed are freed as garbage', async () => {
    const { code, stdout } = await run(
      `const bytes = Buffer.alloc(32)
      async function main() {
        const round = async () => {
          for (let i = 0; i < 20000; i++) native.createKey(bytes)
          gc()
          await new Promise(setImmediate)
        }
        for (let i = 0; i < 3; i++) await round()
        const before = process.memoryUsage.rss()
        for (let i = 0; i < 10; i++) await round()
        // 200,000 keys that stayed would take over 200 MB.
        console.log(process.memoryUsage.rss() - before < 60e6)
      }
      main()`,
      '--expose-gc',
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' })
  })

  it('dictionaries are freed as garbage', async () => {
    const { code, stdout } = await run(
      `async function round() {
        for (let i = 0; i < 50; i++) survives(native.createDeflater(dictionary), native.createInflater(dictionary))
        gc()
        await new Promise(setImmediate)
      }
      async function main() {
        for (let i = 0; i < 3; i++) await round()
        const before = process.memoryUsage.rss()
        for (let i = 0; i < 10; i++) await round()
        // What stayed of 500 pairs would take over 200 MB.
        console.log(process.memoryUsage.rss() - before < 60e6)
      }
      main()`,
      '--expose-gc',
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' })
  })
})

describe('loading', () => {
  it('the package gives the same functions to import and to require', async () => {
    const { stdout } = await run(`
      import(${JSON.stringify(ENTRY)}).then((module) => {
        const names = ['interfaceVersion', 'createKey', 'destroyKey', 'seal', 'sealInto', 'openInto', 'openOne',
          'createDeflater', 'createInflater', 'deflate', 'inflate']
        console.log(names.every((name) => module[name] === native[name] && native[name] !== undefined))
      })`)
    expect(stdout).toBe('true\n')
  })

  it('a Node.js that allows no addons fails to load it, with a code', async () => {
    const program = `try { require(${JSON.stringify(ENTRY)}) } catch (error) { console.log(error.code) }`
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-addons', '-e', program])
    expect(stdout).toBe('NATIVE_LOAD_FAILED\n')
  })
})
