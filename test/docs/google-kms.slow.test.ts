import { KNOWN_CODES } from '../../src/kms/gcp/failures.js'
import { describeProviderPage } from './provider-page.js'

await describeProviderPage({
  page: 'docs/google-kms.md',
  codes: KNOWN_CODES,
  entry: 'kafka-envelope/kms/gcp',
  source: 'src/kms/gcp/index.ts',
  // Without the library, which the tests do not need otherwise.
  replaced: [
    [/import \{ GoogleAuth \} from 'google-auth-library'\n/, ''],
    [/new GoogleAuth\(\{[^}]*\}\)/, "{ getAccessToken: () => Promise.resolve('token') }"],
    [/declare const accessToken: .*\n/, "const accessToken = () => Promise.resolve('token')\n"],
  ],
})
