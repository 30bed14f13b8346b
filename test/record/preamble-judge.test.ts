import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.js'
import type { CheckedDecryptRule } from '../../src/config/checked.js'
import { nodeEngine } from '../../src/crypto/engine.js'
import { CmkSet } from '../../src/kms/cmk-set.js'
import { Dictionaries } from '../../src/record/dictionaries.js'
import { Overrides } from '../../src/record/overrides.js'
import { PreambleJudge, type AcceptedPreamble } from '../../src/record/preamble-judge.js'
import { cmk, craft, open, wrapping } from './crafted.js'

async function reader() {
  const near = await cmk(wrapping('near', 'a'), [])
  const decrypt = {
    originalTopics: [],
    acceptPublicKeySealing: false,
    require: { bindKey: true, bindHeaders: [], context: {} },
  } as unknown as CheckedDecryptRule
  const rule = {
    name: 'r',
    decrypt,
    cmks: CmkSet.forOpening([near]),
    dictionaries: new Dictionaries([], nodeEngine),
    overrides: new Overrides([], 'r', systemClock),
  }
  return { near, preambles: new PreambleJudge(rule, 't') }
}

describe('a preamble', () => {
  it('a preamble that was seen before is not parsed again, even if others came in between', async () => {
    const { near, preambles } = await reader()
    const [one, other] = [craft(), craft({ header: { context: [['a', '1']] } })]
    const first = preambles.read(one)
    expect(preambles.read(craft({ key: 'another record of the same session' }))).toBe(first)
    expect(preambles.read(other)).not.toBe(first)
    expect(preambles.read(Buffer.from(one))).toBe(first)
    const { infos } = first.preamble as AcceptedPreamble
    expect([...infos]).toMatchObject([[near, { provider: near.provider, cmkId: near.id, topic: 't' }]])
  })

  it('a preamble does not change with the bytes that it was read from', async () => {
    const { preambles } = await reader()
    const value = craft({ header: { boundHeaders: ['h'] }, headers: [[]] })
    const first = preambles.read(value)
    const { aad, boundHeaders } = first.preamble as AcceptedPreamble
    const before = Buffer.from(aad)
    value.fill(0)
    expect(aad).toEqual(before)
    expect(boundHeaders).toEqual(['h'])
    expect(preambles.read(craft({ header: { boundHeaders: ['h'] }, headers: [[]] }))).toBe(first)
  })
})

describe('the records that a rule reads', () => {
  it('a rule reads records sealed for a topic that starts with a prefix of `originalTopics`, not for one that ends with it', async () => {
    const originalTopics = { originalTopics: ['orders.*'] }
    const cmks = [await cmk(wrapping('near', 'a'), [])]
    const read = (topic: string) => open({ value: craft({ header: { topic } }) }, cmks, originalTopics)
    expect(await read('orders.eu')).not.toBe('WRONG_TOPIC')
    for (const topic of ['my.orders.', 'orders', 'x.orders.eu']) expect(await read(topic)).toBe('WRONG_TOPIC')
  })

  it('a rule reads only records whose context has the required entry, with key and value', async () => {
    const cmks = [await cmk(wrapping('near', 'a'), [])]
    const require = { context: { env: 'prod' } }
    const read = (...context: [string, string][]) =>
      open({ value: craft({ header: { context } }) }, cmks, { require })
    expect(await read(['env', 'prod'])).not.toBe('REQUIREMENT_UNMET')
    expect(await read(['env', 'test'], ['other', 'prod'])).toBe('REQUIREMENT_UNMET')
    expect(await read(['other', 'prod'])).toBe('REQUIREMENT_UNMET')
  })
})
