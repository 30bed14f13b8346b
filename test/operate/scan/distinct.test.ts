import { describe, expect, it } from 'vitest'
import { Distinct } from '../../../src/operate/scan/distinct.js'

function counted(from: number, to: number): Distinct {
  const distinct = new Distinct()
  for (let i = from; i < to; i++) distinct.add(Buffer.from(`value ${String(i)}`))
  return distinct
}

describe('Distinct', () => {
  it('it counts exactly up to 1,023 different values, however often they come', () => {
    const distinct = counted(0, 1023)
    for (let i = 0; i < 1023; i++) distinct.add(Buffer.from(`value ${String(i)}`))
    expect(distinct.count).toEqual({ value: 1023, exact: true })
    expect(new Distinct().count).toEqual({ value: 0, exact: true })
  })

  it.each([1024, 10_000, 200_000])('its estimate of %d is within a tenth', (amount) => {
    const { value, exact } = counted(0, amount).count
    expect(exact).toBe(false)
    expect(Math.abs(value - amount) / amount).toBeLessThan(0.1)
  })

  it('a union counts what both have once, in any order', () => {
    const [a, b] = [counted(0, 600), counted(400, 1000)]
    const union = new Distinct()
    union.addAll(b)
    union.addAll(a)
    expect(union.count).toEqual({ value: 1000, exact: true })
    const large = counted(0, 30_000)
    large.addAll(counted(20_000, 50_000))
    expect(large.count).toEqual(counted(0, 50_000).count)
  })

  it('it is kept as JSON, of bounded size, and counts on from there', () => {
    const distinct = counted(0, 50_000)
    const text = JSON.stringify(distinct)
    expect(text.length).toBeLessThan(20_000)
    const again = new Distinct(JSON.parse(text) as number[])
    expect(again.count).toEqual(distinct.count)
    again.add(Buffer.from('value 7'))
    expect(again.count).toEqual(distinct.count)
  })
})
