import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { createKey } from './batch.js'

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
    if (native.open(destroyed, data, aads, layout, new Uint8Array(1)) !== 1) throw new Error('it opened')
    native.destroyKey(destroyed)
    dropped = undefined
    for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate) }
    await step('wiped')
    process.exit()
  }
  main()
`

type Counts = Record<keyof typeof WANTED, number>
const WANTED = { destroyed: secret(1), dropped: secret(2), plaintext: secret(3) }
const CHUNK = Buffer.alloc(2 ** 24)

/** How often each secret is in the memory of another process. */
function occurrences(pid: number): Counts {
  const counts = { destroyed: 0, dropped: 0, plaintext: 0 }
  const memory = openSync(`/proc/${String(pid)}/mem`, 'r')
  for (const line of readFileSync(`/proc/${String(pid)}/maps`, 'latin1').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
    const end = parseInt(to, 16)
    let at = parseInt(from, 16)
    while (at < end) {
      const chunk = read(memory, at, Math.min(end - at, CHUNK.length))
      for (const name of ['destroyed', 'dropped', 'plaintext'] as const) {
        for (let i = -1; (i = chunk.indexOf(WANTED[name], i + 1)) !== -1;) counts[name]++
      }
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

// Elsewhere the memory of a process is not a file, or an expanded key may look different; the code is the same.
const VISIBLE = process.platform === 'linux' && process.arch === 'x64'

it.runIf(VISIBLE)(
  'memory has nothing of a wiped key, nor of plaintext that did not authenticate',
  async () => {
    expect(createKey(new Uint8Array(32))).toBeDefined()
    const child = spawn(process.execPath, ['--expose-gc', '-e', PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const { pid = 0 } = child

    await once(child.stdout, 'data')
    const before = occurrences(pid)
    child.stdin.write('\n')
    await once(child.stdout, 'data')
    const after = occurrences(pid)
    child.stdin.end('\n')
    await once(child, 'exit')
    // The search finds what is there: an expanded key begins with the key, once per direction.
    expect(before).toEqual({ destroyed: 2, dropped: 2, plaintext: 1 })
    expect(after).toEqual({ destroyed: 0, dropped: 0, plaintext: 0 })
  },
)
