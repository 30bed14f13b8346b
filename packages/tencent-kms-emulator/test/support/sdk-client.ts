import { Client } from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'

import { EMULATOR_CREDENTIAL, type EmulatorCredential, type TencentKmsEmulator } from '../../src/index.js'
import { emitted } from '../../../../test/support/emissions.js'

/** The vendor's own client, connected to the emulator. */
export function sdkClient(
  { endpoint }: TencentKmsEmulator,
  { secretId, secretKey, token }: EmulatorCredential = EMULATOR_CREDENTIAL,
  region = 'ap-guangzhou',
): Client {
  return new Client({
    credential: { secretId, secretKey, ...(token === undefined ? {} : { token }) },
    region,
    profile: { httpProfile: { protocol: 'http://', endpoint, reqTimeout: 20 } },
  })
}

/** The vendor's code with which a call was refused, or 'OK'. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'OK'
  } catch (error) {
    emitted('error', error)
    const { code } = error as { code?: unknown }
    return typeof code === 'string' && code !== '' ? code : `no code: ${String(error)}`
  }
}

/** `value`, which the vendor's types declare optional in every response. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value')
  return value
}
