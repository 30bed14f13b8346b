import { expect, it } from 'vitest'
import { Claims } from '../../../src/clients/shared/claims.js'

it('claims of one partition end one by one, in any order and more than once; only those that have not ended are interrupted', () => {
  const claims = new Claims()
  const all = [0, 0, 1, 0].map((partition) => claims.begin('t', partition))
  const [first, , , last] = all
  for (const ended of [first, last, first, last]) if (ended !== undefined) claims.end(ended)
  claims.seek({ topic: 't', partition: 0 })
  expect(all.map(({ interrupted, hasSeeked }) => interrupted && hasSeeked)).toEqual([
    false,
    true,
    false,
    false,
  ])
  claims.stop()
  expect(all.map(({ interrupted }) => interrupted)).toEqual([false, true, true, false])
  for (const claim of all) claims.end(claim)
  claims.end(claims.begin('t', 0))
  const next = claims.begin('t', 0)
  claims.start()
  expect([next.interrupted, claims.begin('t', 0).interrupted]).toEqual([true, false])
})

it('a claim that ends while claims are interrupted keeps no other claim from being interrupted', () => {
  const claims = new Claims()
  const all = [0, 0, 0].map((partition) => claims.begin('t', partition))
  for (const claim of all)
    claim.signal.addEventListener('abort', () => {
      claims.end(claim)
    })
  claims.pause([{ topic: 't', partitions: [0] }])
  expect(all.map(({ interrupted }) => interrupted)).toEqual([true, true, true])
})
