import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseByteSize, parseDuration } from '../../src/units.js'
import { fit, isPast, limitReached, prefetchPoint } from '../../src/policy/rotation.js'
import { isGlob, matches } from '../../src/policy/topics.js'

describe('quantities', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    [0, 0],
    [12, 12],
  ])('the duration %s is %i ms', (given, ms) => {
    expect(parseDuration(given)).toBe(ms)
  })

  it.each([
    ['1B', 1],
    ['64KiB', 65_536],
    ['1MiB', 2 ** 20],
    ['1GiB', 2 ** 30],
    ['2TiB', 2 ** 41],
    [7, 7],
  ])('the size %s is %i bytes', (given, bytes) => {
    expect(parseByteSize(given)).toBe(bytes)
  })

  it.each([
    '',
    '5',
    'h',
    '1.5h',
    '-1h',
    '1H',
    '1hh',
    '1h ',
    '1 h',
    '1\u00a0h',
    '01h',
    '1e3s',
    '99999999999999999d',
    -1,
    1.5,
    NaN,
    Infinity,
    null,
    {},
  ])('%s is neither a duration nor a size', (given) => {
    expect(parseDuration(given)).toBeUndefined()
    expect(parseByteSize(given)).toBeUndefined()
  })

  it('units of durations are not units of sizes, and names from object prototypes are not units', () => {
    expect(parseByteSize('1h')).toBeUndefined()
    expect(parseByteSize('1GB')).toBeUndefined()
    expect(parseDuration('1MiB')).toBeUndefined()
    expect(parseDuration('1constructor')).toBeUndefined()
  })
})

const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 7 })
const topic = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 })

describe('topic patterns', () => {
  it('a glob matches as the regular expression that it stands for', () => {
    fc.assert(
      fc.property(pattern, topic, (glob, name) => {
        const expression = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
        expect(matches(glob, name)).toBe(expression.test(name))
      }),
      { numRuns: 5000 },
    )
  })

  it('a long hostile pattern costs no more than its length allows', () => {
    const glob = 'a*'.repeat(120)
    expect(matches(glob, 'a'.repeat(249))).toBe(true)
    expect(matches(`${glob}b`, 'a'.repeat(249))).toBe(false)
    expect(isGlob('a.b')).toBe(false)
  })
})

describe('rotation', () => {
  const policy = { maxAgeMs: 1000, maxMessages: 10, maxBytes: 100 }

  it('a DEK seals exactly as many records as its limits allow, and the limit that stopped it is named', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { maxLength: 20 }),
        fc.nat(20),
        fc.record({ messages: fc.nat(10), bytes: fc.nat(100) }),
        (sizes, at, usage) => {
          const from = Math.min(at, sizes.length)
          let { messages, bytes } = usage
          let stoppedBy: string | undefined
          let taken = 0
          for (const size of sizes.slice(from)) {
            if (messages + 1 > policy.maxMessages) stoppedBy = 'messages'
            else if (bytes + size > policy.maxBytes) stoppedBy = 'bytes'
            if (stoppedBy) break
            messages++
            bytes += size
            taken++
          }
          expect(fit(policy, usage, sizes, from)).toEqual({
            messages: taken,
            bytes: bytes - usage.bytes,
            stoppedBy,
          })
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('a DEK ends at its age, count and bytes, exactly', () => {
    expect(limitReached(policy, { messages: 9, bytes: 99 }, 999)).toBeUndefined()
    expect(limitReached(policy, { messages: 9, bytes: 99 }, 1000)).toBe('age')
    expect(limitReached(policy, { messages: 10, bytes: 99 }, 999)).toBe('messages')
    expect(limitReached(policy, { messages: 9, bytes: 100 }, 999)).toBe('bytes')
  })

  it('the next DEK is fetched from half to all of the prefetch before the age, or at half to four fifths of a count', () => {
    expect(prefetchPoint(policy, 200, 0)).toEqual({ ageMs: 800, messages: 5, bytes: 50 })
    expect(prefetchPoint(policy, 200, 1)).toEqual({ ageMs: 900, messages: 8, bytes: 80 })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (random) => {
        const point = prefetchPoint(policy, 200, random)
        expect(point.ageMs).toBeCloseTo(800 + 100 * random)
        expect(point.messages).toBeCloseTo(5 + 3 * random)
        expect(point.bytes).toBeCloseTo(50 + 30 * random)
      }),
    )
  })

  it('prefetch begins at whichever of age, count and bytes comes first', () => {
    const point = { ageMs: 800, messages: 5, bytes: 50 }
    expect(isPast(point, { messages: 4, bytes: 49 }, 799)).toBe(false)
    expect(isPast(point, { messages: 4, bytes: 49 }, 800)).toBe(true)
    expect(isPast(point, { messages: 5, bytes: 49 }, 799)).toBe(true)
    expect(isPast(point, { messages: 4, bytes: 50 }, 799)).toBe(true)
  })
})
