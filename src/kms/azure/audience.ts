import { member } from '../json-member.js'

/**
 * Whether a token may be sent for `scope`. A token for another service is not: it would be refused, and the host could
 * use it there. A token that is not a JWT, or whose audience is the id of an application, cannot be told, and may.
 */
export function fitsScope(token: string, scope: string): boolean {
  const audience = member(claims(token), 'aud')
  if (typeof audience !== 'string' || !/^https?:\/\//.test(audience)) return true
  return audience.replace(/\/$/, '') === scope.replace(/\/\.default$/, '').replace(/\/$/, '')
}

function claims(token: string): unknown {
  const [, payload = '', signature] = token.split('.')
  if (signature === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown
  } catch {
    return undefined
  }
}
