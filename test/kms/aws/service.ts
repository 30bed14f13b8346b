import { generateKeyPairSync } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { awsKms, type AwsKmsClient, type AwsKmsOptions } from '../../../src/kms/aws/index.js'
import type { Kms } from '../../../src/kms/kms.js'

export const REGION = 'eu-west-1'
const ACCOUNT = '111122223333'
export const CMK = `arn:aws:kms:${REGION}:${ACCOUNT}:key/5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39`
export const OTHER = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0c9b8a7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d`
export const REQUEST_ID = '0f1e2d3c-0000-4000-8000-123456789abc'
/** Frozen, because nothing may change what an application passes. */
export const SECRET = Object.freeze({
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'SKexampleexampleexample',
})
export const DEK = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)

/** Of callers who wait for ever, many at a time. */
export const signal: AbortSignal = new AbortController().signal
setMaxListeners(0, signal)

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const PEM = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
export const SPKI = pair.publicKey.export({ type: 'spki', format: 'der' })

/** A command as a client gets it. */
export interface Sent {
  readonly action: string
  readonly input: Readonly<Record<string, unknown>>
  readonly abortSignal: AbortSignal
}

/** A client of the application, which answers as a test says: with an output, or by throwing. */
export interface Client extends AwsKmsClient {
  readonly sent: Sent[]
}

export function clientThat(answer: (sent: Sent) => unknown): Client {
  const sent: Sent[] = []
  return {
    sent,
    async send(command, { abortSignal }) {
      const { input } = command as { readonly input: Sent['input'] }
      const action = command.constructor.name.replace(/Command$/, '')
      const one = { action, input, abortSignal }
      sent.push(one)
      const output = await answer(one)
      // As in the SDK.
      if (typeof output === 'object' && output !== null && !('$metadata' in output))
        return { ...output, $metadata: { httpStatusCode: 200, requestId: REQUEST_ID } }
      return output
    },
  }
}

/** An error of the service, as the SDK throws it. Its message quotes everything it can. */
export function failed(name: string, status = 400): Error {
  return Object.assign(new Error(`User ${SECRET.secretAccessKey} is not authorized`), {
    name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status, requestId: REQUEST_ID },
  })
}

export function kmsOf(client: AwsKmsClient, options: AwsKmsOptions = {}): Kms {
  return awsKms({ client: () => client, ...options })
}
