import { generateKeyPairSync } from 'node:crypto'
import { KNOWN_CODES } from '../../src/kms/azure/failures.js'
import { describeProviderPage } from './provider-page.js'

const CREDENTIAL = "{ getToken: () => Promise.resolve({ token: 'token' }) }"

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = publicKey.export({ type: 'spki', format: 'pem' })

await describeProviderPage({
  page: 'docs/azure-key-vault.md',
  codes: KNOWN_CODES,
  entry: 'kafka-envelope/kms/azure',
  source: 'src/kms/azure/index.ts',
  // Without the library, which the tests do not need otherwise.
  replaced: [
    [/process\.env\.ORDERS_PUBLIC_KEY/, JSON.stringify(pem)],
    [/import \{ DefaultAzureCredential \} from '@azure\/identity'\n/, ''],
    [/new DefaultAzureCredential\(\)/, CREDENTIAL],
    [/declare const credential: TokenCredential\n/, `const credential: TokenCredential = ${CREDENTIAL}\n`],
  ],
})
