import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
} from '../../packages/tencent-kms-emulator/src/index.js'
import type { Kms } from '../../src/index.js'
import { tencentKms } from '../../src/kms/tencent/index.js'

/** A CMK in an emulator of Tencent Cloud KMS, whose ciphertext DEKs are as long as those of the service. */
export interface EmulatedCmk {
  /** A new client for each encryption, which closes it. */
  newKms(): Kms
  readonly id: string
  close(): Promise<void>
}

/** @param delayMs how long each call takes, beyond what the emulator itself needs */
export async function emulatedCmk({ delayMs = 0 } = {}): Promise<EmulatedCmk> {
  const emulator = await startTencentKmsEmulator({ keys: [{ alias: 'bench' }], quotas: { '*': Infinity } })
  if (delayMs > 0) emulator.faults.inject({ kind: 'latency', ms: delayMs, times: Infinity })
  const [key] = emulator.keys()
  if (key === undefined) throw new Error('the emulator has no key')
  return {
    newKms: () => tencentKms({ credentials: EMULATOR_CREDENTIAL, endpoint: emulator.url }),
    id: `${key.region}/${key.keyId}`,
    close: () => emulator.close(),
  }
}
