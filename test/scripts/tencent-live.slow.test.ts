import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  startTencentKmsEmulator,
  type EmulatorKey,
  type TencentKmsEmulator,
} from '../../packages/tencent-kms-emulator/src/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const caller = {
  secretId: 'live',
  secretKey: 'of-who-runs-it',
  token: 'temporary',
  allow: [
    {
      actions: ['GenerateDataKey', 'Encrypt', 'Decrypt', 'ReEncrypt', 'GetPublicKey', 'AsymmetricRsaDecrypt'],
    },
  ],
}
const TIMEOUT_MS = 120_000
let kms: TencentKmsEmulator
let env: Record<string, string> = {}

beforeAll(async () => {
  kms = await startTencentKmsEmulator({
    credentials: [caller],
    keys: [{ alias: 'symmetric' }, { alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' }],
  })
  const [symmetric, rsa] = kms.keys() as [EmulatorKey, EmulatorKey]
  env = {
    TENCENTCLOUD_SECRET_ID: caller.secretId,
    TENCENTCLOUD_SECRET_KEY: caller.secretKey,
    TENCENTCLOUD_SESSION_TOKEN: caller.token,
    TENCENT_KMS_SYMMETRIC_CMK: `${symmetric.region}/${symmetric.keyId}`,
    TENCENT_KMS_RSA_CMK: `${rsa.region}/${rsa.keyId}`,
    TENCENT_KMS_ENDPOINT: kms.url,
  }
})
beforeEach(() => {
  kms.forgetCalls()
  kms.faults.clear()
})
afterAll(() => kms.close())

/** Runs it as `npm run test:tencent-live` does, with these variables and none of the others that it knows. */
function run(variables: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  const clean = Object.entries(process.env).filter(([name]) => !/^(CI$|TENCENT|VITEST|NODE_ENV$)/.test(name))
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'scripts/tencent-live/main.ts'],
      { cwd: root, env: { ...Object.fromEntries(clean), NO_COLOR: '1', ...variables }, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr })
      },
    )
  })
}

const without = (...names: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))

it(
  'the live run first states its cost, makes exactly that many calls, and confirms all assumptions',
  async () => {
    const { code, output } = await run(env)
    expect(output).toMatch(/^20 calls to Tencent Cloud KMS .*: about \$0\.00036 /)
    expect(output).toContain(
      'the same context, written otherwise: InvalidParameterValue.InvalidCiphertext, as',
    )
    expect(output).toContain('20 calls were made')
    expect(output).not.toContain('WAS ASSUMED')
    expect(output).not.toContain(caller.secretKey)
    expect(code).toBe(0)
    const actions = kms.calls().map(({ action }) => action)
    const count = (wanted: string): number => actions.filter((action) => action === wanted).length
    expect(actions).toHaveLength(20)
    expect(['GenerateDataKey', 'Encrypt', 'Decrypt', 'ReEncrypt'].map(count)).toEqual([4, 2, 8, 1])
    expect(['GetPublicKey', 'AsymmetricRsaDecrypt'].map(count)).toEqual([2, 3])
  },
  TIMEOUT_MS,
)

it(
  'the live run with one CMK makes only the calls for that one',
  async () => {
    const { code, output } = await run(without('TENCENT_KMS_SYMMETRIC_CMK'))
    expect(output).toMatch(/^5 calls .*: about \$0\.00009 /)
    expect(code).toBe(0)
    expect(kms.calls()).toHaveLength(5)
  },
  TIMEOUT_MS,
)

it(
  'the live run reports an assumption that does not hold, and fails',
  async () => {
    kms.faults.inject({
      kind: 'error',
      code: 'InvalidParameterValue.ContextMismatch',
      action: 'Decrypt',
      times: Infinity,
    })
    const { code, output } = await run(without('TENCENT_KMS_RSA_CMK'))
    expect(output).toContain(
      'another context: InvalidParameterValue.ContextMismatch, WHERE InvalidParameterValue.InvalidCiphertext WAS ASSUMED',
    )
    expect(code).toBe(1)
  },
  TIMEOUT_MS,
)

it.each([
  ['credentials', () => without('TENCENTCLOUD_SECRET_KEY'), 'not set: TENCENTCLOUD_SECRET_KEY'],
  [
    'a CMK',
    () => without('TENCENT_KMS_SYMMETRIC_CMK', 'TENCENT_KMS_RSA_CMK'),
    'not set: TENCENT_KMS_SYMMETRIC_CMK or TENCENT_KMS_RSA_CMK',
  ],
  [
    'a CMK by its full name',
    () => ({ ...env, TENCENT_KMS_RSA_CMK: 'orders' }),
    'TENCENT_KMS_RSA_CMK is not <region>/<key id>',
  ],
  [
    'an endpoint that is one',
    () => ({ ...env, TENCENT_KMS_ENDPOINT: 'http://kms' }),
    'TENCENT_KMS_ENDPOINT:',
  ],
  ['being run by hand', () => ({ ...env, CI: 'true' }), 'never runs in CI'],
])(
  'the live run without %s calls nothing, says what is missing, and fails',
  async (_, variables, message) => {
    const { code, output } = await run(variables())
    expect(output).toContain(`Nothing was called: `)
    expect(output).toContain(message)
    expect(output).toContain('usage: npm run test:tencent-live')
    expect(code).toBe(2)
    expect(kms.calls()).toEqual([])
  },
)
