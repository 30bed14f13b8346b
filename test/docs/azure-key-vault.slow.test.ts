import { KNOWN_CODES } from '../../src/kms/azure/failures.js'
import { describeProviderPage } from './provider-page.js'

const CREDENTIAL = "{ getToken: () => Promise.resolve({ token: 'token' }) }"

await describeProviderPage({
  page: 'docs/azure-key-vault.md',
  codes: KNOWN_CODES,
  entry: 'kafka-envelope/kms/azure',
  source: 'src/kms/azure/index.ts',
  // Without the library, which the tests do not need otherwise.
  replaced: [
    [/import \{ DefaultAzureCredential \} from '@azure\/identity'\n/, ''],
    [/new DefaultAzureCredential\(\)/, CREDENTIAL],
    [/declare const credential: TokenCredential\n/, `const credential: TokenCredential = ${CREDENTIAL}\n`],
  ],
})
