/** What holds a key: a vault has RSA keys, a Managed HSM also AES keys. */
export type HolderType = 'vault' | 'managed-hsm'

/** A host that holds keys and does not belong to the clouds of Microsoft that this library knows. */
export interface HostOptions {
  /** What the host is. */
  readonly type: HolderType
  /** The scope of access tokens for it, such as `https://vault.azure.net/.default`. */
  readonly scope: string
}

/** A CMK, by its id in configuration and on the wire. */
export interface KeyId {
  /** `https://<vault>.vault.azure.net/keys/<name>`, without a version. */
  readonly id: string
  readonly baseUrl: string
  readonly host: string
  readonly name: string
  readonly type: HolderType
  /** The scope of access tokens. */
  readonly scope: string
}

/** The domains of Azure, of Azure in China (21Vianet) and of Azure Government. */
const DOMAINS: Readonly<Record<string, HolderType>> = {
  'vault.azure.net': 'vault',
  'vault.azure.cn': 'vault',
  'vault.usgovcloudapi.net': 'vault',
  'managedhsm.azure.net': 'managed-hsm',
  'managedhsm.azure.cn': 'managed-hsm',
  'managedhsm.usgovcloudapi.net': 'managed-hsm',
}

const ID = /^(https?:\/\/([a-z0-9.:[\]-]{1,200}))\/keys\/([A-Za-z0-9-]{1,127})$/
const HOST = /^[a-z0-9](?:[a-z0-9-]{1,22}[a-z0-9])\.(.+)$/

/**
 * Undefined if `id` is not the id of a key without a version, in one of the known domains or at one of `hosts`. Access
 * tokens and DEKs go to its host, so no other host is possible.
 */
export function parseKeyId(id: string, hosts: Readonly<Record<string, HostOptions>>): KeyId | undefined {
  const [, baseUrl, host, name] = ID.exec(id) ?? []
  if (baseUrl === undefined || host === undefined || name === undefined) return undefined
  if (Object.hasOwn(hosts, host)) return { id, baseUrl, host, name, ...(hosts[host] as HostOptions) }
  const domain = HOST.exec(host)?.[1] ?? ''
  if (!baseUrl.startsWith('https:') || !Object.hasOwn(DOMAINS, domain)) return undefined
  const type = DOMAINS[domain] as HolderType
  return { id, baseUrl, host, name, type, scope: `https://${domain}/.default` }
}
