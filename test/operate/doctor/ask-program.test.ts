import { chmod, mkdir } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import { fileDekStore, type DekStore } from '../../../src/index.js'
import { askProgram } from '../../../src/operate/doctor/facts/program.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

it('the versions are those of this process', async () => {
  const { node, kafkaJs, dekStore } = await askProgram(undefined, systemClock)
  expect({ node, dekStore }).toEqual({ node: process.versions.node, dekStore: undefined })
  expect(kafkaJs).toMatch(/^2\./)
})

it('a store in a folder that others may write to cannot be read, and an empty one can', async () => {
  const path = folder.at('deks')
  const store = fileDekStore({ folder: path })
  expect((await askProgram(store, systemClock)).dekStore).toEqual({})
  await mkdir(path)
  await chmod(path, 0o777)
  expect((await askProgram(store, systemClock)).dekStore).toEqual({
    failure: 'other users have write access',
  })
})

it('a store that never answers holds nothing up', async () => {
  const silent: DekStore = {
    load: () => new Promise(() => undefined),
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  }
  const hasty = {
    ...systemClock,
    timeout: (callback: () => void) => {
      queueMicrotask(callback)
      return () => undefined
    },
  }
  expect((await askProgram(silent, hasty)).dekStore).toEqual({
    failure: 'it did not answer within 5 seconds',
  })
})
