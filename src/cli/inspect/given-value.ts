import { readAtMost, whyUnreadable } from '../../config/bounded-file.js'

export const ENCODINGS = ['raw', 'hex', 'base64'] as const
export type Encoding = (typeof ENCODINGS)[number]

/** A value is smaller, also in hex: brokers take no more. */
const MAX_BYTES = 2 ** 28
/** Every envelope starts with it, and the Avro messages of others. */
const MARKER = Buffer.from('c301', 'hex')

/**
 * A value from a file, or from standard input for `-`.
 * @throws Error if it cannot be read, or is not in the encoding, or the encoding is not clear
 */
export async function readValue(source: string, encoding: Encoding | undefined): Promise<Buffer> {
  const given = source === '-' ? await readStandardInput() : await readFile(source)
  if (given.length > MAX_BYTES) throw new Error(`${nameOf(source)}: larger than 256 MiB`)
  const value = decodeValue(given, encoding)
  if (typeof value === 'string') throw new Error(`${nameOf(source)}: ${value}`)
  return value
}

/** The value, or what is wrong with it. Without an encoding, only what can be one thing alone is decoded. */
export function decodeValue(given: Buffer, encoding: Encoding | undefined): Buffer | string {
  switch (encoding) {
    case 'raw':
      return given
    case 'hex':
      return hex(given) ?? 'not hex'
    case 'base64':
      return base64(given) ?? 'not base64'
    case undefined:
      return detected(given)
  }
}

function detected(given: Buffer): Buffer | string {
  if (given.length === 0 || startsWithMarker(given)) return given
  const readings = [hex(given), base64(given)].filter((each) => each !== undefined)
  const [one, ...others] = readings.filter(startsWithMarker)
  if (one !== undefined && others.length === 0) return one
  return readings.length === 0 ? given : 'may be text or encoded bytes: give --encoding raw, hex or base64'
}

function startsWithMarker(value: Buffer): boolean {
  return value.subarray(0, MARKER.length).equals(MARKER)
}

function hex(given: Buffer): Buffer | undefined {
  return decoded(given, 'hex', (text) => text.toLowerCase())
}

function base64(given: Buffer): Buffer | undefined {
  return decoded(given, 'base64')
}

/** Only text from which the same text is made again: a Buffer is lenient. */
function decoded(
  given: Buffer,
  encoding: 'hex' | 'base64',
  canonical: (text: string) => string = (text) => text,
): Buffer | undefined {
  const text = canonical(withoutSpace(given))
  const value = Buffer.from(text, encoding)
  return text !== '' && value.toString(encoding) === text ? value : undefined
}

function withoutSpace(given: Buffer): string {
  return given.toString('latin1').replaceAll(/\s/g, '')
}

async function readFile(file: string): Promise<Buffer> {
  try {
    return await readAtMost(file, MAX_BYTES)
  } catch (error) {
    throw new Error(`${file}: ${whyUnreadable(error)}`, { cause: error })
  }
}

async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_BYTES) break
  }
  return Buffer.concat(chunks)
}

function nameOf(source: string): string {
  return source === '-' ? 'standard input' : source
}
