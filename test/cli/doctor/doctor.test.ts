import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { kafkaEnvelopeCommand } from '../../../src/cli/program.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

it('a canary without a broker is refused before anything is examined', async () => {
  const config = folder.at('c.yaml')
  await writeFile(config, 'version: 1')
  const args = ['node', 'kafka-envelope', 'doctor', '--config', config, '--canary', 'orders']
  await expect(kafkaEnvelopeCommand().parseAsync(args)).rejects.toThrow(
    new Error('error: --canary needs --brokers or --kafka'),
  )
})
