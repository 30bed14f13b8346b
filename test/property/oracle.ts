import { readFileSync } from 'node:fs'
import avsc from 'avsc'

/*
 * What format.md, sections 3 to 6, calls an envelope, said a second time and without the library: `avsc` decodes
 * it, what was decoded encodes to the same bytes, and bounds, characters and order hold.
 */

export interface OracleHeader {
  readonly suite: number
  readonly compression: number
  readonly dictionary: Buffer
  readonly keyBound: boolean
  readonly boundHeaders: readonly string[]
  readonly topic: string
  readonly context: readonly { readonly key: string; readonly value: string }[]
  readonly sessionId: Buffer
  readonly commitment: Buffer
}

export interface OracleEnvelope {
  readonly wrappedDeks: readonly {
    readonly provider: string
    readonly cmkId: string
    readonly ciphertextDek: Buffer
  }[]
  readonly header: Buffer
  readonly iv: Buffer
  readonly tag: Buffer
  readonly body: Buffer
}

interface RecordSchema {
  fields: { name: string; type: unknown }[]
}

const schemaOf = (name: string): RecordSchema =>
  JSON.parse(readFileSync(`schemas/${name}.avsc`, 'utf8')) as RecordSchema
const typeOf = (schema: RecordSchema): avsc.Type => avsc.Type.forSchema(schema as unknown as avsc.Schema)

/** The same bytes, but the map is a list of pairs: an object would reorder keys like `10`, and lose `__proto__`. */
function withPairs(schema: RecordSchema): RecordSchema {
  const pair = {
    type: 'record',
    name: 'Pair',
    fields: ['key', 'value'].map((name) => ({ name, type: 'string' })),
  }
  const fields = schema.fields.map((field) =>
    field.name === 'context' ? { name: 'context', type: { type: 'array', items: pair } } : field,
  )
  return { ...schema, fields }
}

/** The released types, as a stock Avro library has them. */
export const ENVELOPE = typeOf(schemaOf('envelope.v1'))
const HEADER = typeOf(schemaOf('header.v1'))
/** `HEADER` with its context as a list of `{key, value}`. */
export const HEADER_PAIRS = typeOf(withPairs(schemaOf('header.v1')))
export const LONG = avsc.Type.forSchema('long')
export const PREFIX = Buffer.from('c3010fea18fa6fe363e8', 'hex')

/** The envelope in `value`, and its header; undefined if it is not one. */
export function oracle(value: Buffer): { envelope: OracleEnvelope; header: OracleHeader } | undefined {
  if (!value.subarray(0, PREFIX.length).equals(PREFIX)) return undefined
  const envelope = canonical(ENVELOPE, value.subarray(PREFIX.length)) as OracleEnvelope | undefined
  if (envelope === undefined || !isWithinBounds(envelope)) return undefined
  const header = headerOracle(envelope.header)
  return header && { envelope, header }
}

/** The header in `bytes`; undefined if it is not one. */
export function headerOracle(bytes: Buffer): OracleHeader | undefined {
  const header = canonical(HEADER_PAIRS, bytes) as OracleHeader | undefined
  if (header === undefined || !isHeaderWithinBounds(header)) return undefined
  const { context } = HEADER.fromBuffer(bytes) as { context: Record<string, string> }
  for (const { key, value } of header.context) {
    if (key !== '__proto__' && context[key] !== value) throw new Error('the oracle contradicts itself')
  }
  return header
}

function canonical(type: avsc.Type, bytes: Buffer): unknown {
  if (endOf(type, bytes, 0) !== bytes.length) return undefined
  const decoded: unknown = type.fromBuffer(bytes)
  try {
    return type.toBuffer(decoded).equals(bytes) ? decoded : undefined
  } catch {
    // An int of more than 32 bits is read, and not written.
    return undefined
  }
}

/**
 * Where a value of the type ends, by Avro's rules alone, or NaN if it does not end. `avsc` must not be asked first: it
 * allocates what a hostile count asks for, and follows negative lengths back.
 */
function endOf(type: avsc.Type, bytes: Buffer, at: number): number {
  switch (type.typeName) {
    case 'record':
    case 'array':
    case 'map':
      return endOfItems(type, bytes, at)
    case 'fixed':
      return within(bytes, at + partsOf(type).size)
    case 'boolean':
      // avsc accepts any byte as true.
      return within(bytes, at + 1)
    case 'int':
      return longAt(bytes, at).end
    default: {
      const { value, end } = longAt(bytes, at)
      return value < 0 ? NaN : within(bytes, end + value)
    }
  }
}

/** The parts of a type; each kind of type has some of these. */
interface Parts {
  readonly size: number
  readonly fields: readonly { readonly type: avsc.Type }[]
  readonly itemsType: avsc.Type
  readonly valuesType: avsc.Type
}
const partsOf = (type: avsc.Type): Parts => type as unknown as Parts

function endOfItems(type: avsc.Type, bytes: Buffer, start: number): number {
  const { fields, itemsType, valuesType } = partsOf(type)
  if (type.typeName === 'record')
    return fields.reduce((at, field) => (Number.isNaN(at) ? at : endOf(field.type, bytes, at)), start)
  const items = type.typeName === 'map' ? [avsc.Type.forSchema('string'), valuesType] : [itemsType]
  let at = start
  for (;;) {
    const block = longAt(bytes, at)
    at = block.end
    if (block.value === 0 || Number.isNaN(at)) return at
    if (block.value < 0) at = longAt(bytes, at).end
    const count = Math.abs(block.value)
    // No item is without bytes.
    if (!(count <= bytes.length - at)) return NaN
    for (let i = 0; i < count; i++)
      for (const item of items) {
        at = endOf(item, bytes, at)
        if (Number.isNaN(at)) return NaN
      }
  }
}

function longAt(bytes: Buffer, at: number): { value: number; end: number } {
  try {
    const { value, offset } = LONG.decode(bytes, at) as { readonly value: number; readonly offset: number }
    if (offset >= 0) return { value, end: offset }
  } catch {
    // avsc reads no long that a double cannot hold; no input is that long.
  }
  return { value: NaN, end: NaN }
}

const within = (bytes: Buffer, end: number): number => (end <= bytes.length ? end : NaN)

function isWithinBounds({ wrappedDeks, header }: OracleEnvelope): boolean {
  const names = wrappedDeks.map(({ provider, cmkId }) => `${provider} ${cmkId}`)
  return (
    wrappedDeks.length >= 1 &&
    wrappedDeks.length <= 5 &&
    new Set(names).size === names.length &&
    wrappedDeks.every(
      ({ provider, cmkId, ciphertextDek }) =>
        /^[a-z0-9/-]{1,64}$/.test(provider) &&
        /^[!-~]{1,256}$/.test(cmkId) &&
        isBetween(ciphertextDek.length, 1, 1024),
    ) &&
    isBetween(header.length, 1, 4096)
  )
}

function isHeaderWithinBounds({
  compression,
  dictionary,
  boundHeaders,
  topic,
  context,
}: OracleHeader): boolean {
  const text = /^[A-Za-z0-9._:/@=+-]{1,128}$/
  // Count and end take two bytes each at most: 1,024 bytes hold under 8,192 entries.
  const contextBytes = context.reduce(
    (sum, { key, value }) =>
      sum + longBytes(key.length) + key.length + longBytes(value.length) + value.length,
    context.length === 0 ? 1 : longBytes(context.length) + 1,
  )
  const dictionaryBytes = compression === 3 ? [32] : [0, 1, 2].includes(compression) ? [0] : [0, 32]
  return (
    dictionaryBytes.includes(dictionary.length) &&
    boundHeaders.length <= 32 &&
    boundHeaders.every((name) => isBetween(Buffer.byteLength(name), 1, 256)) &&
    isAscending(boundHeaders) &&
    /^[A-Za-z0-9._-]{1,249}$/.test(topic) &&
    context.every(({ key, value }) => text.test(key) && text.test(value)) &&
    isAscending(context.map(({ key }) => key)) &&
    contextBytes <= 1024
  )
}

const isBetween = (n: number, min: number, max: number): boolean => n >= min && n <= max
const longBytes = (n: number): number => LONG.toBuffer(n).length

function isAscending(names: readonly string[]): boolean {
  return names.every(
    (name, i) => i === 0 || Buffer.compare(Buffer.from(names[i - 1] ?? ''), Buffer.from(name)) < 0,
  )
}
