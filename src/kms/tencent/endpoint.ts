import { originOf, whyNoOrigin } from '../origin.js'

const NAMED = {
  regional: 'https://kms.{region}.tencentcloudapi.com',
  internal: 'https://kms.internal.tencentcloudapi.com',
  international: 'https://kms.intl.tencentcloudapi.com',
} as const

/**
 * Which host serves KMS: `regional` (`kms.<region>.tencentcloudapi.com`), `internal` (from inside Tencent's networks),
 * `international` (accounts of the international site), or an origin such as `https://kms.example.com:8443`, in which
 * `{region}` is replaced by the region. A loopback address may omit the scheme, like the `endpoint` of the emulator
 * (`127.0.0.1:7030`), and is then reached over plain http.
 */
export type EndpointOption = string

/** What every endpoint looks like, for schemas that cannot run {@link whyNoEndpoint}. */
export const ENDPOINT_FORM = `^(?:${Object.keys(NAMED).join('|')}|https?://.+|(?:[0-9.]+|localhost|\\[::1\\]):\\d{1,5})$`

const BARE_LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):\d{1,5}$/

/** Why `option` is not an endpoint; undefined if it is one. */
export function whyNoEndpoint(option: EndpointOption): string | undefined {
  return whyNoOrigin(
    template(option),
    `expected ${Object.keys(NAMED).join(', ')}, or an origin such as https://kms.example.com`,
  )
}

/**
 * The endpoint of a region. `option` must be one that {@link whyNoEndpoint} accepts, and `region` one that
 * `parseCmkName` accepts.
 */
export function endpointOf(option: EndpointOption, region: string): { protocol: string; host: string } {
  const { protocol, host } = originOf(template(option), region)
  return { protocol, host }
}

function template(option: EndpointOption): string {
  if (BARE_LOOPBACK.test(option)) return `http://${option}`
  return Object.hasOwn(NAMED, option) ? NAMED[option as keyof typeof NAMED] : option
}
