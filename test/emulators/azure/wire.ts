/** Requests and errors of Key Vault and Managed HSM, as the REST reference (7.4) describes them. */

/** An error as the service answers it. */
export class Refusal extends Error {
  readonly httpStatus: number
  readonly body: object
  readonly headers: Readonly<Record<string, string>>

  constructor(
    httpStatus: number,
    code: string,
    message: string,
    {
      inner,
      headers = {},
    }: { readonly inner?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message)
    this.httpStatus = httpStatus
    this.body = { error: { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) } }
    this.headers = headers
  }
}

export function badParameter(message: string): Refusal {
  return new Refusal(400, 'BadParameter', message)
}

/** KeyOperationsParameters. */
export interface Parameters {
  readonly alg: string
  readonly value: Buffer
  readonly iv: Buffer | undefined
  readonly tag: Buffer | undefined
  readonly aad: Buffer | undefined
}

const NAMES: readonly string[] = ['alg', 'value', 'iv', 'tag', 'aad']

export function parameters(text: string): Parameters {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw badParameter('The request body is not JSON.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw badParameter('The request body is not an object.')
  const members = parsed as Readonly<Record<string, unknown>>
  const unknown = Object.keys(members).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) throw badParameter(`Unknown property '${unknown}'.`)
  const bytes = (name: string): Buffer | undefined => {
    const value = members[name]
    if (value === undefined) return undefined
    if (typeof value !== 'string' || Buffer.from(value, 'base64url').toString('base64url') !== value)
      throw badParameter(`Content of '${name}' is not base64url.`)
    return Buffer.from(value, 'base64url')
  }
  const { alg } = members
  const value = bytes('value')
  if (typeof alg !== 'string' || alg === '') throw badParameter("Property 'alg' is required.")
  if (value === undefined || value.length === 0) throw badParameter("Property 'value' is required.")
  return { alg, value, iv: bytes('iv'), tag: bytes('tag'), aad: bytes('aad') }
}
