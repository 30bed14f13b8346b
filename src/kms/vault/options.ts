import * as v from 'valibot'
import type { Duration } from '../../units.js'
import { whyNoBaseUrl } from '../json-service.js'
import { members, oneOfKinds } from '../option-schema.js'
import { checkedOptions, serviceOptions, type ServiceOptions } from '../service-options.js'
import { isEngineName } from './cmk-name.js'
import { isToken } from './responses.js'

/** Options of {@link vaultKms}. Unknown members are errors. */
export interface VaultKmsOptions extends ServiceOptions {
  /** For example `https://vault.example.com:8200`. A path in it comes before `/v1`. */
  readonly address: string
  /**
   * The name that envelopes give to this transit engine: the id of a CMK is `<name>/<key>`. A DNS name of yours, such as
   * `transit.vault.example.com`. It need not resolve; it makes ids unique among all who may see the envelopes, because two
   * Vaults can have keys of the same name. Give each mount, namespace and Vault its own, and never change it: readers find
   * their CMK by it. `address` and `mount` may change.
   */
  readonly name: string
  /** Where the transit engine is mounted. Default `transit`. */
  readonly mount?: string
  /** Namespace of HashiCorp Vault Enterprise or OpenBao. */
  readonly namespace?: string
  readonly auth: VaultAuth
  /**
   * How long one request may take: 1ms to 1m; a number is milliseconds, at least 1,000. Default 10s: a request that is
   * given up too early makes a DEK that no caller receives.
   */
  readonly requestTimeout?: Duration
}

/** How this process gets its token. */
export type VaultAuth = TokenAuth | TokenFileAuth | AppRoleAuth | KubernetesAuth

/** A token that you pass. It is renewed if it can be, but nothing replaces it when it ends. */
export interface TokenAuth {
  readonly method: 'token'
  readonly token: string
}

/** A file that an agent keeps up to date. It is read for each call. */
export interface TokenFileAuth {
  readonly method: 'token-file'
  readonly file: string
}

/** Logs in with a role id and a secret id. */
export interface AppRoleAuth {
  readonly method: 'approle'
  readonly roleId: string
  /** Leave out both if the role has `bind_secret_id=false`. */
  readonly secretId?: string
  /** The file that holds the secret id; read for each login. */
  readonly secretIdFile?: string
  /** Default `approle`. */
  readonly mount?: string
}

/** Logs in with the token of the pod's service account. */
export interface KubernetesAuth {
  readonly method: 'kubernetes'
  readonly role: string
  /** Read for each login. Default `/var/run/secrets/kubernetes.io/serviceaccount/token`. */
  readonly tokenFile?: string
  /** Default `kubernetes`. */
  readonly mount?: string
}

/** Names that need no encoding in a URL. */
const SEGMENT = /^[\w.-]+$/

const visible = v.custom<string>(isToken, 'expected visible ASCII characters')
const file = v.pipe(v.string('expected the path of a file'), v.minLength(1, 'expected the path of a file'))
const path = v.custom<string>(
  (value) =>
    typeof value === 'string' &&
    value.split('/').every((segment) => SEGMENT.test(segment) && !/^\.+$/.test(segment)),
  'expected a path such as transit or team/transit',
)

const auth = v.variant(
  'method',
  [
    members({ method: v.literal('token'), token: visible }),
    members({ method: v.literal('token-file'), file }),
    v.pipe(
      members({
        method: v.literal('approle'),
        roleId: visible,
        secretId: v.optional(visible),
        secretIdFile: v.optional(file),
        mount: v.optional(path, 'approle'),
      }),
      v.forward(
        v.check(
          ({ secretId, secretIdFile }) => secretId === undefined || secretIdFile === undefined,
          'cannot be combined with `secretId`',
        ),
        ['secretIdFile'],
      ),
    ),
    members({
      method: v.literal('kubernetes'),
      role: visible,
      tokenFile: v.optional(file, '/var/run/secrets/kubernetes.io/serviceaccount/token'),
      mount: v.optional(path, 'kubernetes'),
    }),
  ],
  oneOfKinds('method', "'token', 'token-file', 'approle' or 'kubernetes'"),
)

const schema = members({
  address: v.pipe(
    v.string('expected a URL such as https://vault.example.com:8200'),
    v.rawCheck(({ dataset, addIssue }) => {
      const why = dataset.typed ? whyNoBaseUrl(dataset.value) : undefined
      if (why !== undefined) addIssue({ message: why })
    }),
  ),
  name: v.custom<string>(
    (value) => typeof value === 'string' && isEngineName(value),
    'expected a DNS name of yours, such as transit.vault.example.com',
  ),
  mount: v.optional(path, 'transit'),
  namespace: v.optional(path),
  auth,
  ...serviceOptions,
})

/** Valid options, with defaults filled in. */
export type CheckedOptions = v.InferOutput<typeof schema>

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: VaultKmsOptions): CheckedOptions {
  return checkedOptions(schema, options, 'vaultKms()')
}
