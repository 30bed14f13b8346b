/** Requests and errors of Google's JSON transcoding, as the REST reference of Cloud KMS (v1) describes them. */

/** An error as the service answers it. */
export class Refusal extends Error {
  readonly httpStatus: number
  readonly body: object

  constructor(httpStatus: number, status: string, message: string, details: readonly object[] = []) {
    super(message)
    this.httpStatus = httpStatus
    this.body = { error: { code: httpStatus, message, status, ...(details.length === 0 ? {} : { details }) } }
  }
}

export function invalidArgument(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message)
}

/** The bytes of a request, and whether their checksum came with them and fits. */
export interface Field {
  readonly bytes: Buffer
  readonly verified: boolean
}

/** Takes the fields of a request one by one. What is left at the end is unknown to the service. */
export class Fields {
  readonly #left: Map<string, unknown>

  constructor(text: string) {
    let parsed: unknown
    try {
      parsed = JSON.parse(text)
    } catch {
      throw invalidArgument('Invalid JSON payload received. Unexpected token.')
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw invalidArgument('Invalid JSON payload received. Expected an object.')
    this.#left = new Map(Object.entries(parsed))
  }

  /** @param snake the name of the field in messages */
  bytes(name: string, snake: string): Field {
    const value = this.#take(name)
    if (
      value !== undefined &&
      (typeof value !== 'string' || Buffer.from(value, 'base64').toString('base64') !== value)
    )
      throw invalidArgument(`Invalid value at '${snake}' (TYPE_BYTES), Base64 decoding failed`)
    const bytes = Buffer.from(value ?? '', 'base64')
    const checksum = this.#take(`${name}Crc32c`)
    if (checksum === undefined) return { bytes, verified: false }
    if (typeof checksum !== 'string' || !/^(?:0|[1-9]\d{0,18})$/.test(checksum))
      throw invalidArgument(
        `Invalid value at '${snake}_crc32c' (type.googleapis.com/google.protobuf.Int64Value)`,
      )
    if (checksum !== checksumOf(bytes))
      throw invalidArgument(`The checksum in field ${snake}_crc32c did not match the data in field ${snake}.`)
    return { bytes, verified: true }
  }

  end(): void {
    const [unknown] = this.#left.keys()
    if (unknown === undefined) return
    throw invalidArgument(`Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`)
  }

  #take(name: string): unknown {
    const value = this.#left.get(name)
    this.#left.delete(name)
    return value
  }
}

/** CRC32C bit by bit: slow, and not the implementation of the provider. */
export function checksumOf(bytes: Uint8Array): string {
  let crc = 0xffff_ffffn
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ ((crc & 1n) === 0n ? 0n : 0x82f6_3b78n)
  }
  return (crc ^ 0xffff_ffffn).toString()
}
