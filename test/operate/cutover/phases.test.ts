import { describe, expect, it } from 'vitest'
import type { PartitionCutover } from '../../../src/operate/cutover/partition-counts.js'
import {
  acceptedBy,
  phasesOf,
  wayBack,
  type Phase,
  type TopicFacts,
} from '../../../src/operate/cutover/phases.js'
import { ALL_PLAINTEXT } from '../../../src/operate/index.js'

const T = Date.UTC(2026, 10, 29)
const DAY = 86_400_000
const some = (first: number, last: number, records = last - first + 1) => ({
  ...{ records, bytes: records, first: String(first), last: String(last) },
  ...{ earliest: T, latest: T + last },
})

/** A partition with the offsets 0 to 99. */
const partition = (changes: Partial<PartitionCutover> = {}): PartitionCutover => ({
  ...{ partition: 0, low: '0', from: '0', end: '100', isComplete: true, until: ALL_PLAINTEXT },
  ...{ sealed: null, plaintext: null, refused: null, unknownFormat: null, malformed: null, tombstones: 0 },
  ...changes,
})

const group = (...next: number[]) => ({
  groupId: 'billing',
  next: Object.fromEntries(next.map((offset, i) => [i, String(offset)])),
  members: [],
})

function facts(partitions: PartitionCutover[], changes: Partial<TopicFacts> = {}): TopicFacts {
  const accepts = acceptedBy(partitions)
  return { accepts, hasRule: true, partitions, groups: [group(100)], keepsMs: DAY, ...changes }
}

function phase(name: Phase['phase'], of: TopicFacts): string {
  const { isOver, why } = phasesOf(of).find((each) => each.phase === name) as Phase
  return `${isOver === null ? 'unclear' : isOver ? 'over' : 'not over'}: ${why.join('; ')}`
}

describe('what a rule accepts', () => {
  it.each([
    ['all', [ALL_PLAINTEXT, '101']],
    ['ended', ['100', '7']],
    ['ended', ['100', null]],
    ['partly', ['100', ALL_PLAINTEXT]],
    ['partly', [ALL_PLAINTEXT, null]],
    ['none', [null, null]],
  ] as const)('a rule accepts %s with the offsets %j of partitions that end at 100', (accepts, untils) => {
    expect(acceptedBy(untils.map((until) => partition({ until })))).toBe(accepts)
  })
})

describe('the phase of readers', () => {
  it('it is over once each group has read past sealed records in each partition that has some', () => {
    const partitions = [partition({ sealed: some(50, 60) }), partition({ partition: 1, sealed: some(3, 9) })]
    expect(phase('readers', facts(partitions, { groups: [group(51, 4)] }))).toMatch(
      /^over: the rule accepts plain/,
    )
    for (const groups of [[group(51, 3)], [group(50, 4)], [group(51)], [group(51, 4), group(0, 0)], []]) {
      expect(phase('readers', facts(partitions, { groups }))).toMatch(/^unclear/)
    }
  })

  it('it is not over if the rule refuses what is there, or does not exist', () => {
    const refused = partition({ until: null, plaintext: some(0, 9), refused: some(0, 9) })
    expect(phase('readers', facts([refused]))).toMatch('not over: the rule accepts no plaintext, so')
    expect(phase('readers', facts([partition(), partition({ partition: 7, until: null })]))).toBe(
      'not over: the rule accepts no plaintext in partition 7',
    )
    expect(phase('readers', facts([partition()], { hasRule: false }))).toMatch('not over: no rule')
    expect(phase('readers', facts([partition()], { accepts: 'unknown' }))).toMatch('unclear')
  })
})

describe('the phase of the canary', () => {
  it('it is over once there are sealed records, and groups have read past them', () => {
    expect(phase('canary', facts([partition()]))).toBe('not over: no sealed record was read')
    const sealed = [partition({ sealed: some(50, 60) })]
    expect(phase('canary', facts(sealed))).toBe('over: 11 sealed records; each group has read past some')
    expect(phase('canary', facts(sealed, { groups: [group(50)] }))).toMatch(
      /^not over: .* past one: billing$/,
    )
    expect(phase('canary', facts(sealed, { groups: [] }))).toMatch(/^unclear/)
  })
})

describe('the phase of producers', () => {
  it('it is over if records were read, and no plaintext', () => {
    expect(phase('producers', facts([partition({ sealed: some(0, 99) })]))).toBe(
      'over: no plaintext was read, and 100 sealed records',
    )
    expect(phase('producers', facts([partition()]))).toMatch(/^unclear: no plaintext was read, and no sealed/)
  })

  it('it is not over if plaintext was read, and names the last', () => {
    const partitions = [
      partition({ plaintext: some(0, 9), sealed: some(10, 20) }),
      partition({ partition: 1, plaintext: some(0, 99) }),
    ]
    expect(phase('producers', facts(partitions))).toBe(
      'not over: 110 plaintext records, the last at 1:99, 2026-11-29T00:00:00Z',
    )
  })

  it('it does not count plaintext before the end of plaintext', () => {
    const ended = { until: '50', plaintext: some(0, 60), sealed: some(70, 80) }
    expect(phase('producers', facts([partition(ended)]))).toMatch(/^over: no plaintext behind its end/)
    expect(phase('producers', facts([partition({ ...ended, refused: some(55, 60) })]))).toMatch(
      'not over: 6 plaintext records behind its end',
    )
  })

  it('it is unclear if records are missing, or cannot be told from plaintext', () => {
    const sealed = some(0, 9)
    for (const doubt of [{ isComplete: false }, { unknownFormat: some(5, 5) }, { malformed: some(5, 5) }]) {
      expect(phase('producers', facts([partition({ sealed, ...doubt })]))).toMatch(/^unclear/)
    }
  })
})

describe('the phase of require', () => {
  it('it is over once plaintext has ended in each partition and none is behind its end', () => {
    const ended = { until: '50', plaintext: some(0, 49) }
    expect(phase('require', facts([partition(ended)]))).toBe(
      'over: plaintext has ended, and none was read behind its end',
    )
    expect(phase('require', facts([partition({ ...ended, refused: some(50, 50) })]))).toBe(
      'not over: consumers stop at 1 plaintext record, the last at 0:50, 2026-11-29T00:00:00Z',
    )
    expect(phase('require', facts([partition({ ...ended, isComplete: false })]))).toMatch(/^unclear/)
    expect(phase('require', facts([partition(ended), partition({ partition: 1 })]))).toMatch(
      'not over: plaintext has not ended in partition 1',
    )
    expect(phase('require', facts([partition()]))).toMatch(
      /^not over: the rule accepts plaintext without end/,
    )
    expect(phase('require', facts([partition({ until: null })]))).toBe('over: the rule accepts no plaintext')
  })
})

describe('the phase of old plaintext', () => {
  const ended = partition({ until: '50', plaintext: some(0, 49) })

  it('it is over once retention has removed it, or each group has read past it', () => {
    expect(phase('oldPlaintext', facts([{ ...ended, low: '50' }], { groups: [] }))).toMatch(
      /^over: no record/,
    )
    expect(phase('oldPlaintext', facts([ended], { groups: [group(50)] }))).toMatch(/^over: each group/)
    expect(phase('oldPlaintext', facts([ended], { groups: [] }))).toMatch(/^not over/)
    expect(
      phase('oldPlaintext', facts([ended], { groups: [group(49), { ...group(50), groupId: 'b' }] })),
    ).toBe(
      'not over: partition 0 may have some left; retention removes the last of it by about 2026-11-30T00:00:00Z; these groups have yet to read past it: billing',
    )
    expect(phase('oldPlaintext', facts([{ ...ended, refused: some(60, 60) }]))).toMatch(
      /^not over: comes after/,
    )
  })
})

it('no phase of a topic that no rule decrypts is over because the rule accepts no plaintext', () => {
  const ruleless = facts([partition({ until: null, sealed: some(0, 9) })], { hasRule: false })
  for (const name of ['readers', 'require', 'oldPlaintext'] as const) {
    expect(phase(name, ruleless)).toBe('not over: no rule decrypts this topic')
  }
})

it('the way back is open while the rule accepts all plaintext, and needs wrapped consumers as long as sealed records are kept', () => {
  const sealed = some(0, 9)
  expect(wayBack(facts([partition({ sealed })]))).toEqual([
    'producers can return to plaintext at any time: the rule accepts it',
    'consumers have to stay wrapped as long as the topic has sealed records, the last at 0:9, 2026-11-29T00:00:00Z; retention removes the last of it by about 2026-11-30T00:00:00Z',
  ])
  expect(wayBack(facts([partition({ until: '5', sealed })], { keepsMs: null }))).toEqual([
    expect.stringContaining('first deploy consumers that accept all plaintext again'),
    expect.stringContaining('retention by time never removes'),
  ])
})
