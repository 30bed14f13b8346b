// Encrypts a password with the KMS itself, for a file or the environment, and decrypts it where it is needed.
import { createEncryption, isEnvelopeError } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'

const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: './dev.keyring' }) },
  cmks: { passwords: [{ kms: 'dev', id: 'orders' }] }, // in production, a CMK of their own
  topics: [{ match: ['metrics'], passthrough: true }],
})
const secrets = encryption.secrets('passwords')

// Once, by an operator. `npx kafka-envelope secret encrypt` does the same.
const encrypted = await secrets.encrypt(Buffer.from('correct horse'), { app: 'billing' })
process.env.DB_PASSWORD = encrypted.toString('base64')

// At each start.
const password = await secrets.decrypt(process.env.DB_PASSWORD, { app: 'billing' })
console.log(`connecting with a password of ${String(password.length)} bytes`)
password.fill(0)

// Another application, or another environment, cannot use it.
await secrets.decrypt(process.env.DB_PASSWORD, { app: 'payroll' }).catch((error: unknown) => {
  console.log('as payroll:', isEnvelopeError(error) ? error.code : error)
})
await encryption.close()
