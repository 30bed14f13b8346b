import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createEncryption, type CmkRef, type Encryption, type EncryptRule } from '../../../src/index.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import type {
  EmulatorCredential,
  TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { emitted } from '../../support/emissions.js'
import { watch } from '../../support/encryption.js'
import type { FromReader, ReaderSetup } from './tencent-reader.js'

/** An identity that may do these actions and nothing else. */
export function identity(secretId: string, ...actions: string[]): EmulatorCredential {
  return { secretId, secretKey: `of-${secretId}`, allow: [{ actions }] }
}

/** CMKs in emulators, by one name of a KMS for each emulator. */
export interface Place {
  readonly kms: Readonly<Record<string, TencentKmsOptions>>
  readonly cmks: readonly CmkRef[]
}

/** An owner that only seals, under all of the CMKs. */
export async function sealer(
  topic: string,
  { kms, cmks }: Place,
  credentials: EmulatorCredential | undefined,
  encrypt: Partial<EncryptRule<'orders'>> = {},
): Promise<Encryption> {
  const rights = credentials === undefined ? {} : { credentials: secretOf(credentials) }
  const encryption = await createEncryption({
    kms: Object.fromEntries(
      Object.entries(kms).map(([name, options]) => [name, tencentKms({ ...options, ...rights })]),
    ),
    cmks: { orders: cmks },
    topics: [{ match: [topic], encrypt: { cmk: 'orders', ...encrypt } }],
  })
  watch(encryption)
  return encryption
}

const secretOf = ({ secretId, secretKey }: EmulatorCredential) => ({ secretId, secretKey })

/** A process that reads a topic. */
export interface Reader {
  /** Everything that it was delivered, in order. */
  readonly delivered: { readonly offset: string; readonly value: string | null }[]
  readonly fatal: Extract<FromReader, { fatal: unknown }>['fatal'][]
  readonly calls: Extract<FromReader, { call: unknown }>['call'][]
  /** The error with which it failed otherwise. */
  readonly failed: string[]
  /** Runs its consumer, or runs it again. */
  run(): void
  /** Its exit code. */
  end(): Promise<number | null>
}

export function startReader(
  { kms, cmks }: Place,
  { secretId, secretKey }: EmulatorCredential,
  rest: Pick<ReaderSetup, 'topic' | 'groupId'> & { readonly acceptPublicKeySealing?: boolean },
): Reader {
  const setup: ReaderSetup = { kms, cmks, acceptPublicKeySealing: false, ...rest }
  const script = fileURLToPath(new URL('tencent-reader.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(setup)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...process.env, TENCENTCLOUD_SECRET_ID: secretId, TENCENTCLOUD_SECRET_KEY: secretKey },
  })
  const exit = once(child, 'exit') as Promise<[number | null]>
  const reader: Reader = {
    delivered: [],
    fatal: [],
    calls: [],
    failed: [],
    run: () => void child.send('run'),
    async end() {
      if (child.connected) child.send('end')
      const [code] = await exit
      return code
    },
  }
  child.on('message', (message: FromReader) => {
    if ('offset' in message) {
      reader.delivered.push(message)
      return
    }
    emitted('event', message)
    if ('fatal' in message) reader.fatal.push(message.fatal)
    else if ('call' in message) reader.calls.push(message.call)
    else reader.failed.push(message.failed)
  })
  return reader
}

/** How often an identity called each action; those that were refused with the code. */
export function callsBy(kms: TencentKmsEmulator, { secretId }: EmulatorCredential): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const call of kms.calls()) {
    if (call.secretId !== secretId) continue
    const name = `${call.action ?? ''}${call.code === undefined ? '' : ` ${call.code}`}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}
