import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createKeyring, listCmks, localKms, rotateCmk } from '../../../src/kms/local/index.js'
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.js'

const CHILD = resolve(import.meta.dirname, 'rotate-often.ts')
const { signal } = new AbortController()
let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('shared.keyring')
  await createKeyring(file, [{ id: 'orders', type: 'aes-256' }])
})
afterEach(() => folder.remove())

function rotateInChild(times: number): ChildProcess {
  const args = ['--import', 'tsx', CHILD, file, 'orders', String(times)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function versions(): Promise<number[]> {
  const [cmk] = await listCmks(file)
  return cmk?.versions.map(({ version }) => version) ?? []
}

describe('a keyring with several writers', { timeout: 60_000 }, () => {
  it('a keyring with several writers loses no rotation of any process, and readers always see a whole file', async () => {
    const kms = localKms({ keyring: file })
    const call = { cmkId: 'orders', context: {}, signal }
    const { dek, ciphertextDek } = await kms.generateDek(call)
    const children = Array.from({ length: 4 }, () => rotateInChild(15))
    const ended = Promise.all(children.map((child) => once(child, 'exit') as Promise<[number | null]>))
    const running = new AbortController()
    void ended.finally(() => {
      running.abort()
    })
    let reads = 0
    while (!running.signal.aborted) {
      expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
      reads++
    }
    expect((await ended).map(([code]) => code)).toEqual([0, 0, 0, 0])
    expect(await versions()).toEqual(Array.from({ length: 61 }, (_, at) => at + 1))
    expect(reads).toBeGreaterThan(10)
    expect(await readdir(dirname(file))).toEqual(['shared.keyring'])
  })

  it('a keyring with several writers loses no rotation of one process, and refuses a rotation while another one is under way', async () => {
    const ended = await Promise.allSettled(Array.from({ length: 12 }, () => rotateCmk(file, 'orders')))
    const done = ended.filter(({ status }) => status === 'fulfilled').length
    expect(done).toBeGreaterThan(0)
    for (const result of ended) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'KEYRING_BUSY' })
    }
    expect(await versions()).toHaveLength(1 + done)
  })

  it('a keyring with several writers stays whole when a writer is killed at any moment', async () => {
    for (let round = 0; round < 4; round++) {
      const child = rotateInChild(1_000_000)
      const before = (await versions()).length
      while ((await versions()).length === before) await sleep(2)
      await sleep(round * 3)
      child.kill('SIGKILL')
      await once(child, 'exit')
      const left = await versions()
      expect(left).toEqual(left.map((_, at) => at + 1))
      await folder.removeFile('shared.keyring.lock')
    }
    await rotateCmk(file, 'orders')
  })
})
