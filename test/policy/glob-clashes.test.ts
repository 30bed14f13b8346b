import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { clashes } from '../../src/policy/glob-clashes.js'
import { matches, TopicIndex } from '../../src/policy/topics.js'

const names: string[] = ['']
for (let at = 0; (names[at]?.length ?? 9) < 7; at++)
  for (const c of 'ab') names.push(`${names[at] ?? ''}${c}`)

const glob = fc
  .string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 })
  .filter((text) => text.includes('*'))

describe('globs of different rules', () => {
  it('globs of different rules are reported to overlap if and only if some topic matches both', () => {
    const owned = fc.record({ glob, owner: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(owned, { maxLength: 8 }), (globs) => {
        const overlap = (a: string, b: string): boolean =>
          names.some((name) => matches(a, name) && matches(b, name))
        const found = clashes(globs)
        for (const [a, b] of found) {
          expect(a.owner).not.toBe(b.owner)
          expect(overlap(a.glob, b.glob), `${a.glob} ${b.glob}`).toBe(true)
        }
        const some = globs.some((a) => globs.some((b) => a.owner !== b.owner && overlap(a.glob, b.glob)))
        expect(found.length > 0).toBe(some)
        // One for each glob at most, so that a report stays readable.
        expect(new Set(found.map(([, b]) => b)).size).toBe(found.length)
      }),
      { numRuns: 3000 },
    )
  })

  it.each<[string, (i: number) => string, number]>([
    ['a prefix each', (i) => `company.tenant-${String(i).padStart(5, '0')}.orders.*`, 6],
    ['a suffix each', (i) => `*.company.tenant-${String(i).padStart(5, '0')}`, 6],
    ['a prefix and a suffix each', (i) => `a${String(i % 100)}.*.b${String(Math.floor(i / 100))}`, 6],
    ['only something in the middle', (i) => `*x${String(i)}*`, 6],
    ['one prefix that begins with all others', (i) => `${'a'.repeat(i % 248)}*`, 6],
    ['suffixes that end with each other', (i) => `*${'b'.repeat(i % 20)}`, 60],
  ])('globs of different rules are compared in few steps for each of them: %s', (_, pattern, most) => {
    let steps = 0
    const count = 10_000
    const globs = Array.from({ length: count }, (_, i) => ({
      glob: pattern(i),
      get owner() {
        steps++
        return i
      },
    }))
    clashes(globs)
    expect(steps).toBeGreaterThan(0)
    expect(steps / count).toBeLessThanOrEqual(most)
  })
})

describe('the rule of a topic', () => {
  it('the rule of a topic is the one that names the topic, else the one whose glob matches', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        fc.array(fc.array(pattern, { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
        fc.constantFrom(...names),
        (rules, name) => {
          const index = new TopicIndex(rules, (patterns) => patterns)
          const found = index.find(name)
          const exact = rules.filter((patterns) => patterns.includes(name))
          const candidates =
            exact.length > 0
              ? exact
              : rules.filter((patterns) => patterns.some((each) => matches(each, name)))
          if (candidates.length === 0) expect(found).toBeUndefined()
          else expect(candidates).toContain(found)
          expect(index.find(name)).toBe(found)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('the rule of a topic is found without trying globs that have another prefix or suffix', () => {
    const rules = Array.from({ length: 10_000 }, (_, i) => `tenant-${String(i)}.*.orders`)
    const index = new TopicIndex(rules, (glob) => [glob])
    // A look at a glob takes it apart at its stars.
    const looks = vi.spyOn(String.prototype, 'split')
    const found = index.find('tenant-4711.eu.orders')
    expect(looks).toHaveBeenCalledTimes(1)
    looks.mockRestore()
    expect(found).toBe('tenant-4711.*.orders')
  })
})
