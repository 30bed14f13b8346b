const REGION = '{region}'
/** Scheme, host and port as written. `URL` would drop an empty query, decode a host, and accept braces in it. */
const ORIGIN = /^https?:\/\/[\w.[\]:-]+\/?$/i
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/

/** Why DEKs may not travel to a URL; undefined if they may. */
export function whyReadable({ protocol, hostname }: URL): string | undefined {
  if (protocol !== 'http:' || LOOPBACK.test(hostname)) return undefined
  return 'expected https, because DEKs travel over this connection; plain http is only for loopback addresses'
}

/** Replaces `{region}` in a template that {@link whyNoOrigin} accepts. */
export function originOf(template: string, region: string): URL {
  return new URL(template.replaceAll(REGION, region))
}

/**
 * Why a template is not an origin, which has a scheme, a host and a port, and in which `{region}` is replaced. Undefined
 * if it is one.
 *
 * @param expected says what is valid
 */
export function whyNoOrigin(template: string, expected: string): string | undefined {
  const text = template.replaceAll(REGION, 'eu-west-1')
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) return expected
  // A misspelt placeholder would become part of the host name.
  if (/[{}]/.test(text)) return 'expected no braces but those of `{region}`, which is replaced by the region'
  if (!ORIGIN.test(text)) return 'expected only a scheme, a host and a port'
  return whyReadable(new URL(text))
}
