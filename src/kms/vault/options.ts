import * as v from 'valibot'
import type { Duration } from '../../units.js'
import { whyNoBaseUrl } from '../json-service.js'
import { members, oneOfKinds } from '../option-schema.js'
import {
  checkedOptions,
  plainServiceOptions,
  serviceOptions,
  type ServiceOptions,
} from '../service-options.js'
import { ENGINE_NAME } from './cmk-name.js'

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
  /** Namespace of HashiCorp Vault Enterprise or OpenBao. Default none. */
  readonly namespace?: string
  /** How this process gets its token. */
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
  /** How this process gets its token: it is told. */
  readonly method: 'token'
  /** The token itself. */
  readonly token: string
}

/** A file that an agent keeps up to date. It is read for each call. */
export interface TokenFileAuth {
  /** How this process gets its token: from a file that an agent keeps up to date. */
  readonly method: 'token-file'
  /** The file that holds the token. */
  readonly file: string
}

/** Logs in with a role id and a secret id. */
export interface AppRoleAuth {
  /** How this process gets its token: it logs in with a role id and a secret id. */
  readonly method: 'approle'
  /** The id of the role. */
  readonly roleId: string
  /** Default none: leave out both if the role has `bind_secret_id=false`. */
  readonly secretId?: string
  /** The file that holds the secret id; read for each login. Default none. */
  readonly secretIdFile?: string
  /** Where the method is mounted. Default `approle`. */
  readonly mount?: string
}

/** Logs in with the token of the pod's service account. */
export interface KubernetesAuth {
  /** How this process gets its token: it logs in with the token of the pod's service account. */
  readonly method: 'kubernetes'
  /** The name of the role. */
  readonly role: string
  /** The file that holds the token of the service account; read for each login. Default `/var/run/secrets/kubernetes.io/serviceaccount/token`. */
  readonly tokenFile?: string
  /** Where the method is mounted. Default `kubernetes`. */
  readonly mount?: string
}

/** A name that needs no encoding in a URL, and is not only dots. */
const SEGMENT = '(?!\\.+(?:/|$))[\\w.-]+'

const VISIBLE = 'expected visible ASCII characters'
const visible = v.pipe(v.string(VISIBLE), v.regex(/^[!-~]{1,8192}$/, VISIBLE))
const file = v.pipe(v.string('expected the path of a file'), v.minLength(1, 'expected the path of a file'))
const PATH = 'expected a path such as transit or team/transit'
const path = v.pipe(v.string(PATH), v.regex(new RegExp(`^${SEGMENT}(?:/${SEGMENT})*$`), PATH))

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

const NAME = 'expected a DNS name of yours, such as transit.vault.example.com'

/** The options that are plain data: a configuration file has them too. */
export const plainOptions = {
  address: v.pipe(
    v.string('expected a URL such as https://vault.example.com:8200'),
    v.rawCheck(({ dataset, addIssue }) => {
      const why = dataset.typed ? whyNoBaseUrl(dataset.value) : undefined
      if (why !== undefined) addIssue({ message: why })
    }),
    v.metadata({ pattern: '^https?://.+$' }),
  ),
  name: v.pipe(v.string(NAME), v.regex(ENGINE_NAME, NAME)),
  mount: v.optional(path, 'transit'),
  namespace: v.optional(path),
  auth,
  ...plainServiceOptions,
}

const schema = members({ ...plainOptions, ...serviceOptions })

/** Valid options, with defaults filled in. */
export type CheckedOptions = v.InferOutput<typeof schema>

/** @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`; no message repeats a value */
export function checkOptions(options: VaultKmsOptions): CheckedOptions {
  return checkedOptions(schema, options, 'vaultKms()')
}
