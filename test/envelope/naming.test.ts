import avsc from 'avsc'
import { expect, it } from 'vitest'
import { decodePreamble, formatOf } from '../../src/envelope/formats.js'
import { bodyStart } from '../../src/envelope/v1/envelope.js'
import { decodeHeader } from '../../src/envelope/v1/header.js'
import { PREFIX } from '../../src/envelope/v1/prefix.js'

type Part = string | Buffer | number

const long = avsc.Type.forSchema('long')
/** Avro: a number as a long, text as a string, bytes unchanged. */
const avro = (...parts: Part[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number'
        ? long.toBuffer(part)
        : typeof part === 'string'
          ? Buffer.concat([long.toBuffer(Buffer.byteLength(part)), Buffer.from(part)])
          : part,
    ),
  )
const after = (...parts: Part[]): Buffer => Buffer.concat([PREFIX, avro(...parts)])

const id = Buffer.alloc(16)
const commitment = Buffer.alloc(32)
const start = [1, 0, '', Buffer.of(1)]
const noNames = [...start, 0]
const topic = [...noNames, 't']
const end = [id, commitment]
const many = (count: number, part: (i: number) => Part[]): Part[] =>
  Array.from({ length: count }, (_, i) => part(i)).flat()

const HEADERS: readonly (readonly [part: RegExp, bytes: Buffer])[] = [
  [/an int .*32 bits/, Buffer.from('ffffffff10', 'hex')],
  [/an int .*shortest/, Buffer.from('8000', 'hex')],
  [/an int .*32 bits/, Buffer.from('808080808080', 'hex')],
  [/ends too early/, avro(1)],
  [/length of dictionary .*bounds/, avro(1, 3, 'x'.repeat(33))],
  [/dictionary is not a SHA-256/, avro(1, 3, 'x'.repeat(31))],
  [/compression 3 has a dictionary/, avro(1, 3, '')],
  [/compression 1 has no dictionary/, avro(1, 1, 'x'.repeat(32))],
  [/ends within dictionary/, avro(1, 3, 32, Buffer.from('ab'))],
  [/keyBound/, avro(1, 0, '', Buffer.of(2))],
  [/length of boundHeaders .*bounds/, avro(...start, 33)],
  [/length of boundHeaders .*negative/, avro(...start, -1)],
  [/length of boundHeaders .*shortest/, avro(...start, Buffer.of(0x82, 0))],
  [/length of boundHeaders .*bounds/, avro(...start, Buffer.alloc(6, 0x80))],
  [/name of a bound header .*bounds/, avro(...start, 1, '')],
  [/name of a bound header .*bounds/, avro(...start, 1, 'x'.repeat(257))],
  [/ends within the name of a bound header/, avro(...start, 1, 5, Buffer.from('ab'))],
  [/name of a bound header .*UTF-8/, avro(...start, 1, 1, Buffer.of(0xff))],
  [/boundHeaders .*ascending/, avro(...start, 2, 'b', 'a')],
  [/boundHeaders .*block/, avro(...start, 1, 'a', 1)],
  [/topic .*bounds/, avro(...noNames, '')],
  [/topic .*character/, avro(...noNames, 'a b')],
  [/ends within topic/, avro(...noNames, 5, Buffer.from('ab'))],
  [/length of context .*bounds/, avro(...topic, 1025)],
  [/a key of the context .*bounds/, avro(...topic, 1, '')],
  [/a key of the context .*character/, avro(...topic, 1, 'a b')],
  [/a value of the context .*bounds/, avro(...topic, 1, 'a', '')],
  [/a value of the context .*character/, avro(...topic, 1, 'a', 'a b')],
  [/keys of the context .*ascending/, avro(...topic, 2, 'b', '1', 'a', '1')],
  [/context is too long/, avro(...topic, 20, ...many(20, (i) => [String(i + 10), 'x'.repeat(128)]))],
  [/the context .*block/, avro(...topic, 1, 'a', '1', 1)],
  [/ends within sessionId/, avro(...topic, 0, id.subarray(1))],
  [/ends within commitment/, avro(...topic, 0, id, commitment.subarray(1))],
  [/follow the header/, avro(...topic, 0, ...end, Buffer.alloc(1))],
]

const LENGTHS: readonly (readonly [part: RegExp, bytes: Buffer])[] = [
  [/ends within the prefix/, PREFIX.subarray(0, 9)],
  [/length of wrappedDeks .*bounds/, after(0)],
  [/length of wrappedDeks .*bounds/, after(6)],
  [/length of provider .*bounds/, after(1, '')],
  [/length of provider .*bounds/, after(1, 'x'.repeat(65))],
  [/ends within provider/, after(1, 5, Buffer.from('ab'))],
  [/length of cmkId .*bounds/, after(1, 'p', '')],
  [/length of cmkId .*bounds/, after(1, 'p', 'x'.repeat(257))],
  [/ends within cmkId/, after(1, 'p', 5, Buffer.from('ab'))],
  [/length of ciphertextDek .*bounds/, after(1, 'p', 'c', '')],
  [/length of ciphertextDek .*bounds/, after(1, 'p', 'c', 'x'.repeat(1025))],
  [/ends within ciphertextDek/, after(1, 'p', 'c', 5, Buffer.from('ab'))],
  [/wrappedDeks .*block/, after(1, 'p', 'c', 'd', 1)],
  [/length of the header .*bounds/, after(1, 'p', 'c', 'd', 0, '')],
  [/length of the header .*bounds/, after(1, 'p', 'c', 'd', 0, 'x'.repeat(4097))],
  [/ends within the header/, after(1, 'p', 'c', 'd', 0, 5, Buffer.from('ab'))],
]

const PREAMBLES: readonly (readonly [part: RegExp, bytes: Buffer])[] = [
  ...LENGTHS,
  [/provider .*character/, after(1, 'P')],
  [/cmkId .*character/, after(1, 'p', 'a b')],
  [/same provider and cmkId/, after(2, 'p', 'c', 'd', 'p', 'c', 'e')],
]

const BODIES: readonly (readonly [part: RegExp, bytes: Buffer])[] = [
  [/length of the body .*bounds/, avro(Buffer.alloc(28), 2 ** 34)],
  [/length of the body .*negative/, avro(Buffer.alloc(28), -1)],
  [/ends within the body/, avro(Buffer.alloc(28), 3, Buffer.alloc(2))],
  [/follow the envelope/, avro(Buffer.alloc(28), 3, Buffer.alloc(4))],
]

it.each([
  ['decodeHeader', decodeHeader, HEADERS],
  ['preambleLength', (bytes: Buffer) => formatOf(bytes).preambleLength(bytes), LENGTHS],
  ['decodePreamble', decodePreamble, PREAMBLES],
  ['bodyStart', (bytes: Buffer) => bodyStart(bytes, 0), BODIES],
] as const)('the error of %s says which part is malformed, and how', (_, read, cases) => {
  for (const [part, bytes] of cases) {
    const refusal = (): unknown => read(bytes)
    expect(refusal).toThrow(expect.objectContaining({ code: 'MALFORMED' }) as Error)
    expect(refusal).toThrow(part)
  }
})

it('an error about a value that is not an envelope of a known version shows at most its fingerprint', () => {
  expect(() => decodePreamble(Buffer.from('secret'))).toThrow(/NOT_SEALED: the value is not an envelope\./)
  const other = Buffer.from('c301000102030405060753656372657453656372657453656372657453', 'hex')
  expect(() => decodePreamble(other)).toThrow(/UNKNOWN_FORMAT: .*0001020304050607\./)
})
