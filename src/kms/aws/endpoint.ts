const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/

/** Why `option` is not an endpoint: an origin, in which `{region}` is replaced. Undefined if it is one. */
export function whyNoEndpoint(option: string): string | undefined {
  const text = option.replaceAll('{region}', 'eu-west-1')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    return 'expected an origin such as https://kms.{region}.example.com'
  const { username, password, pathname, search, hash } = url
  if (username !== '' || password !== '' || pathname !== '/' || search !== '' || hash !== '')
    return 'expected only a scheme, a host and a port'
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    return 'expected https, because DEKs travel over this connection; plain http is only for loopback addresses'
  }
  return undefined
}
