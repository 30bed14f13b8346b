import { writeFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { tryVectors } from '../../../scripts/vectors/try-vectors.js'
import { temporaryFolder } from '../../kms/local/temporary-folder.js'
import { rewrappedVectors } from './rewrapped-vectors.js'

it('every vector that opens also opens once it is rewrapped, for a reader that has the new CMK alone', async () => {
  const folder = await temporaryFolder()
  const file = folder.at('rewrapped.json')
  await writeFile(file, JSON.stringify(await rewrappedVectors()))
  const { count, lines } = await tryVectors(file)
  await folder.remove()
  expect(lines).toEqual([])
  expect(count).toBeGreaterThan(100)
}, 60_000)
