/** Child process of a test: rotates a CMK the given number of times, and retries while the keyring is busy. */
import { setTimeout as sleep } from 'node:timers/promises'

import { isEnvelopeError } from '../../../src/errors.js'
import { rotateCmk } from '../../../src/kms/local/index.js'

const [file = '', id = '', times = '0'] = process.argv.slice(2)

async function rotateOften(): Promise<void> {
  for (let done = 0; done < Number(times);) {
    try {
      await rotateCmk(file, id)
      done++
    } catch (error) {
      if (!isEnvelopeError(error) || error.code !== 'KEYRING_BUSY') throw error
      await sleep(Math.random() * 5)
    }
  }
}

void rotateOften()
