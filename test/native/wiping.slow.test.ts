import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
// Compiles the addon.
import './batch.js'

const ENTRY = fileURLToPath(new URL('../../native/index.cjs', import.meta.url))

/** 16 bytes that nothing else in a process has. The program below makes the same and more, and keeps no copy. */
const secret = (first: number): Buffer =>
  Buffer.from(Array.from({ length: 16 }, (_, i) => (first + i * i * 37) % 251))

/** Each step of the program ends with a line, and waits for one. */
const PROGRAM = `
  const native = require(${JSON.stringify(ENTRY)})
  function fill(bytes, first) { for (let i = 0; i < bytes.length; i++) bytes[i] = (first + i * i * 37) % 251 }
  function makeKey(first) {
    // A Buffer of 32 bytes would be in V8's own heap, and leave a copy there.
    const bytes = new Uint8Array(new ArrayBuffer(32))
    fill(bytes, first)
    const key = native.createKey(bytes)
    bytes.fill(0)
    return key
  }
  const step = (name) => new Promise((resolve) => { process.stdin.once('data', resolve); console.log(name) })
  async function main() {
    const destroyed = makeKey(1)
    let dropped = makeKey(2)
    const data = new Uint8Array(new ArrayBuffer(28 + 64))
    const [aads, layout] = [new Uint8Array(0), Uint32Array.of(0, 12, 28, data.length, 0, 0)]
    fill(data.subarray(28), 3)
    await step('made')
    native.seal(destroyed, 0, data, aads, layout)
    data[12] ^= 1
    const target = new Uint8Array(new ArrayBuffer(64))
    const into = Uint32Array.of(0, 12, 28, data.length, 0, 0, 0)
    if (native.openOne(destroyed, data, target, aads, 0, 12, 28)) throw new Error('it opened')
    if (native.openInto(destroyed, data, target, aads, into, new Uint8Array(1)) !== 1) throw new Error('it opened')
    native.destroyKey(destroyed)
    dropped = undefined
    for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate) }
    await step('wiped')
    process.exit()
  }
  main()
`

/** Compresses and decompresses a value with each of two dictionaries, and wipes its own buffers. */
const STREAMS = `
  const native = require(${JSON.stringify(ENTRY)})
  const own = (length) => new Uint8Array(new ArrayBuffer(length))
  const [value, stream, back] = [own(250), own(1000), own(1000)]
  function fill() { for (let i = 0; i < value.length; i++) value[i] = (4 + i * i * 37) % 251 }
  const step = (name) => new Promise((resolve) => { process.stdin.once('data', resolve); console.log(name) })
  async function main() {
    const all = [own(1), own(32768)].map((bytes) => [native.createDeflater(bytes), native.createInflater(bytes)])
    fill()
    await step('made')
    for (const [deflater, inflater] of all) {
      const length = native.deflate(deflater, value, stream)
      if (native.inflate(inflater, stream.subarray(0, length), back) !== value.length) throw new Error('not inflated')
      // One that does not fit, and one that is cut off.
      if (native.deflate(deflater, value, back.subarray(0, 100)) !== -1) throw new Error('it fits')
      if (native.inflate(inflater, stream.subarray(0, length - 1), back) !== -1) throw new Error('it is whole')
    }
    for (const bytes of [value, stream, back]) bytes.fill(0)
    await step('wiped')
    process.exit(all.length === 2 ? 0 : 1)
  }
  main()
`

const CHUNK = Buffer.alloc(2 ** 24)

/** How often each secret is in the memory of another process. */
function occurrences(pid: number, wanted: readonly Buffer[]): number[] {
  const counts = wanted.map(() => 0)
  const memory = openSync(`/proc/${String(pid)}/mem`, 'r')
  for (const line of readFileSync(`/proc/${String(pid)}/maps`, 'latin1').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
    const end = parseInt(to, 16)
    let at = parseInt(from, 16)
    while (at < end) {
      const chunk = read(memory, at, Math.min(end - at, CHUNK.length))
      counts.forEach((_, which) => {
        const bytes = wanted[which] as Buffer
        for (let i = -1; (i = chunk.indexOf(bytes, i + 1)) !== -1;) counts[which] = (counts[which] ?? 0) + 1
      })
      // One that lies across the border is in the next chunk; none is in both.
      at += chunk.length === CHUNK.length ? chunk.length - 15 : CHUNK.length
    }
  }
  closeSync(memory)
  return counts
}

/** Bytes of another process, or none where a region is not for reading. */
function read(memory: number, at: number, length: number): Buffer {
  try {
    return CHUNK.subarray(0, readSync(memory, CHUNK, 0, length, at))
  } catch {
    return CHUNK.subarray(0, 0)
  }
}

/** Looks for secrets in the memory of a program, at both of its steps. */
async function beforeAndAfter(program: string, wanted: readonly Buffer[]): Promise<[number[], number[]]> {
  const child = spawn(process.execPath, ['--expose-gc', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const { pid = 0 } = child
  await once(child.stdout, 'data')
  const before = occurrences(pid, wanted)
  child.stdin.write('\n')
  await once(child.stdout, 'data')
  const after = occurrences(pid, wanted)
  child.stdin.end('\n')
  await once(child, 'exit')
  return [before, after]
}

// Elsewhere the memory of a process is not a file, or an expanded key may look different; the code is the same.
const VISIBLE = process.platform === 'linux' && process.arch === 'x64'

it.runIf(VISIBLE)(
  'memory has nothing of a wiped key, nor of plaintext that did not authenticate',
  async () => {
    const [before, after] = await beforeAndAfter(PROGRAM, [secret(1), secret(2), secret(3)])
    // The search finds what is there: an expanded key begins with the key, once per direction.
    expect(before).toEqual([2, 2, 1])
    expect(after).toEqual([0, 0, 0])
  },
)

it.runIf(VISIBLE)(
  'memory has nothing of a value that was compressed or decompressed, whole or in vain',
  async () => {
    const [before, after] = await beforeAndAfter(STREAMS, [secret(4)])
    expect(before).toEqual([1])
    expect(after).toEqual([0])
  },
)
