import { join } from 'node:path'
import { createKeyring, localKms } from '../src/kms/local/index.js'
import { tencentKms } from '../src/kms/tencent/index.js'
import {
  startTencentKmsEmulator,
  type EmulatorCall,
  type EmulatorKey,
} from '../packages/tencent-kms-emulator/src/index.js'
import type { Kms } from '../src/index.js'
import { grouped, type Report } from './report.js'

/** The values of `--kms`. */
export const KMS_CHOICES = ['local', 'tencent-emulator'] as const
export type KmsChoice = (typeof KMS_CHOICES)[number]

/** Identifies the CMK. Credentials in the environment, or the file mode of the keyring, decide who may use it. */
export type KmsPlace =
  | { readonly choice: 'local'; readonly keyring: string }
  | { readonly choice: 'tencent-emulator'; readonly endpoint: string; readonly cmkId: string }

/** The KMS of a run of the demo. */
export interface DemoKms {
  readonly place: KmsPlace
  /** Environment variables with the credentials of a process. */
  readonly rights: Readonly<Record<'main' | 'consumer', Readonly<Record<string, string>>>>
  /** Prints the calls that the KMS itself saw, and reports those that it should not have seen. */
  readonly summarise: (report: Report) => void
  readonly close: () => Promise<void>
}

/** How a process reaches the CMK. */
export function kmsAt(place: KmsPlace): { readonly kms: Kms; readonly id: string } {
  return place.choice === 'local'
    ? { kms: localKms({ keyring: place.keyring }), id: 'orders' }
    : { kms: tencentKms({ endpoint: place.endpoint, credentials: 'environment' }), id: place.cmkId }
}

export async function startKms(choice: KmsChoice, folder: string, report: Report): Promise<DemoKms> {
  return choice === 'local' ? keyringIn(folder) : emulator(report)
}

async function keyringIn(folder: string): Promise<DemoKms> {
  const keyring = join(folder, 'demo.keyring')
  await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
  return {
    place: { choice: 'local', keyring },
    rights: { main: {}, consumer: {} },
    summarise: () => undefined,
    close: () => Promise.resolve(),
  }
}

/** The consuming process may only decrypt. This one also reads, to show which records are refused. */
const MAIN = { secretId: 'demo-main', actions: ['GenerateDataKey', 'Decrypt'] }
const CONSUMER = { secretId: 'demo-consumer', actions: ['Decrypt'] }
const SECRET_KEY = 'demo-only-not-a-secret'

async function emulator(report: Report): Promise<DemoKms> {
  const kms = await startTencentKmsEmulator({
    credentials: [MAIN, CONSUMER].map(({ secretId, actions }) => ({
      secretId,
      secretKey: SECRET_KEY,
      allow: [{ actions }],
    })),
    keys: [{ alias: 'orders' }],
  })
  const [{ region, keyId }] = kms.keys() as readonly [EmulatorKey]
  const cmkId = `${region}/${keyId}`
  report.say(`KMS: an emulator of Tencent Cloud KMS at ${kms.url}, CMK ${cmkId}`)
  for (const [who, { actions }] of [
    ['this process', MAIN],
    ['the consuming process', CONSUMER],
  ] as const)
    report.say(`  ${who} may ${actions.join(' and ')}`)
  return {
    place: { choice: 'tencent-emulator', endpoint: kms.url, cmkId },
    rights: { main: rightsOf(MAIN.secretId), consumer: rightsOf(CONSUMER.secretId) },
    summarise: (to) => {
      summarise(kms.calls(), to)
    },
    close: () => kms.close(),
  }
}

function rightsOf(secretId: string): Record<string, string> {
  return {
    TENCENTCLOUD_SECRET_ID: secretId,
    TENCENTCLOUD_SECRET_KEY: SECRET_KEY,
    // A token from elsewhere would belong to another secret id.
    TENCENTCLOUD_SESSION_TOKEN: '',
  }
}

function summarise(calls: readonly EmulatorCall[], report: Report): void {
  const by = (id: string): string => {
    const counts = new Map<string, number>()
    for (const { secretId, action = 'nothing', code } of calls) {
      const name = code === undefined ? action : `${action} (${code})`
      if (secretId === id) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return [...counts].map(([name, count]) => `${grouped(count)} ${name}`).join(', ')
  }
  report.say(
    `  emulator    ${by(MAIN.secretId)} from here; ${by(CONSUMER.secretId)} from the consuming process`,
  )
  report.expect(
    /^\d+ Decrypt$/.test(by(CONSUMER.secretId)),
    'the consuming process should only have decrypted',
  )
  report.expect(
    calls.every(({ code }) => code === undefined),
    'the KMS refused a call',
  )
}
