import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import { createEncryption, type Encryption } from '../../src/index.js'
import type { Kms } from '../../src/kms/kms.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import type { FaultProxy, ProxyFault } from '../support/fault-proxy.js'

/** A provider that reaches its service through a proxy. */
export interface KmsBehindProxy {
  readonly proxy: FaultProxy
  /** A new provider, whose calls have a time-out of {@link REQUEST_TIMEOUT}. It makes one request for each call once it is warm. */
  readonly provider: () => Kms
  readonly cmkId: string
  /** Whether wrapping needs the service only for the public key. Then a new provider makes each call, so that it does. */
  readonly keepsPublicKey?: boolean
  /** What the service itself answers. */
  readonly throttles: ProxyFault
  readonly denies: ProxyFault
  readonly teardown?: () => Promise<void>
}

/** For `requestTimeout` of the provider. */
export const REQUEST_TIMEOUT = '500ms'
const REQUEST_TIMEOUT_MS = Number.parseInt(REQUEST_TIMEOUT)
/** The time that a busy machine may add. */
const SLACK_MS = 2500
const KMS_TIMEOUT_MS = 8000

type Codes = readonly (ErrorCode | 'none')[]

interface Row {
  readonly fault: (under: KmsBehindProxy) => ProxyFault
  readonly codes: Codes
}

const PAGE = '<html><body>gateway</body></html>'
const always = (fault: ProxyFault) => (): ProxyFault => fault

/** Every fault, with the error that it becomes for all providers. */
const FAULTS = {
  'an answer that is late, but in time': { fault: always({ kind: 'late', ms: 50 }), codes: ['none'] },
  'an answer that is too late': { fault: always({ kind: 'late', ms: 5000 }), codes: ['KMS_TIMEOUT'] },
  throttling: { fault: ({ throttles }) => throttles, codes: ['KMS_THROTTLED'] },
  denial: { fault: ({ denies }) => denies, codes: ['KMS_DENIED'] },
  'HTTP 500 from a gateway': {
    fault: always({ kind: 'answer', status: 500, body: PAGE, headers: { 'content-type': 'text/html' } }),
    codes: ['KMS_UNAVAILABLE'],
  },
  'HTTP 503 from a gateway': {
    fault: always({ kind: 'answer', status: 503, body: PAGE, headers: { 'content-type': 'text/html' } }),
    codes: ['KMS_UNAVAILABLE'],
  },
  'a body that is not JSON': { fault: always({ kind: 'body', body: PAGE }), codes: ['KMS_RESPONSE_INVALID'] },
  'a body of another shape': {
    fault: always({ kind: 'body', body: '{"unexpected":[1,2,{}]}' }),
    codes: ['KMS_RESPONSE_INVALID'],
  },
  'an empty object': { fault: always({ kind: 'body', body: '{}' }), codes: ['KMS_RESPONSE_INVALID'] },
  'an empty body': { fault: always({ kind: 'body', body: '' }), codes: ['KMS_RESPONSE_INVALID'] },
  'a connection that ends before the answer': {
    fault: always({ kind: 'ends', after: 0 }),
    codes: ['KMS_UNAVAILABLE'],
  },
  'a connection that ends in the answer': {
    fault: always({ kind: 'ends', after: 0.5 }),
    codes: ['KMS_UNAVAILABLE'],
  },
  'a reset before the answer': { fault: always({ kind: 'resets', after: 0 }), codes: ['KMS_UNAVAILABLE'] },
  'a reset in the answer': { fault: always({ kind: 'resets', after: 0.5 }), codes: ['KMS_UNAVAILABLE'] },
  'no answer': { fault: always({ kind: 'stalls', after: 0 }), codes: ['KMS_TIMEOUT'] },
  'an answer that stops half-way': { fault: always({ kind: 'stalls', after: 0.5 }), codes: ['KMS_TIMEOUT'] },
} satisfies Record<string, Row>

export type FaultName = keyof typeof FAULTS

/**
 * What a provider makes of each fault of its service and of the way to it.
 * @param others where a provider's client does not let it tell: other codes than those of the table
 */
export function describeKmsFaults(
  name: string,
  setup: () => Promise<KmsBehindProxy>,
  others: Partial<Record<FaultName, Codes>> = {},
): void {
  describe(`${name} in faults of its service`, { timeout: 60_000 }, () => {
    let under: KmsBehindProxy
    let kms: Kms
    const open: Encryption[] = []
    const { signal } = new AbortController()
    const call = () => ({ cmkId: under.cmkId, context: { tenant: 'acme' }, signal })

    beforeAll(async () => {
      under = await setup()
      kms = under.provider()
      // Connections and credentials are there.
      await kms.generateDek(call())
    }, 60_000)
    afterEach(async () => {
      vi.restoreAllMocks()
      under.proxy.heal()
      for (const each of open.splice(0)) await each.close()
    })
    afterAll(async () => {
      await kms.close?.()
      await under.proxy.close()
      await under.teardown?.()
    })

    const owner = async (): Promise<Encryption> => {
      const encryption = await createEncryption({
        kms: { one: under.provider() },
        cmks: { orders: [{ kms: 'one', id: under.cmkId }] },
        topics: [
          {
            match: ['orders'],
            encrypt: { cmk: 'orders' },
            decrypt: { cmk: 'orders', acceptPublicKeySealing: under.keepsPublicKey === true },
          },
        ],
        kmsTimeout: KMS_TIMEOUT_MS,
      })
      open.push(encryption)
      return encryption
    }
    const rewrapped = (own: Kms, ciphertextDek: Uint8Array) =>
      (own as Required<Kms>).rewrapDek({ ...call(), toCmkId: under.cmkId, ciphertextDek })
    const seal = (by: Encryption) => sealRecords(by, [{ topic: 'orders', value: 'v' }])

    for (const [what, row] of Object.entries(FAULTS) as [FaultName, Row][]) {
      const codes = others[what] ?? row.codes
      it(`${what}: every call ends with ${codes.join(' or ')} in time, and the next one succeeds`, async () => {
        const { dek, ciphertextDek } = await kms.generateDek(call())
        const rewraps = (await kms.describe(under.cmkId, signal)).rewrapsTo?.(under.cmkId) === true
        for (const [operation, by] of [
          ['generateDek', (own: Kms) => own.generateDek(call())],
          ['wrapDek', (own: Kms) => own.wrapDek({ ...call(), dek })],
          ['unwrapDek', (own: Kms) => own.unwrapDek({ ...call(), ciphertextDek })],
          ...(rewraps ? [['rewrapDek', (own: Kms) => rewrapped(own, ciphertextDek)] as const] : []),
        ] as const) {
          const own = under.keepsPublicKey ? under.provider() : kms
          const run = () => by(own)
          under.proxy.inject(row.fault(under))
          const started = performance.now()
          expect(codes, operation).toContain(await codeOf(run()))
          expect(performance.now() - started, operation).toBeLessThan(2 * REQUEST_TIMEOUT_MS + SLACK_MS)
          under.proxy.heal()
          expect(await codeOf(run()), operation).toBe('none')
          if (own !== kms) await own.close?.()
        }
      })
    }

    it('faults that pass are not noticed, and those that last end sealing and opening within kmsTimeout', async () => {
      // The pauses between attempts are random: here the shortest.
      vi.spyOn(Math, 'random').mockReturnValue(0)
      const sealed = await seal(await owner())
      const [sealing, opening] = [await owner(), await owner()]
      under.proxy.inject({ kind: 'resets', after: 0 }, 1)
      await seal(sealing)
      under.proxy.inject(under.throttles, 1)
      expect((await openRecords(opening, sealed))[0]?.error).toBeUndefined()

      const [sealingLater, openingLater] = [await owner(), await owner()]
      under.proxy.inject({ kind: 'resets', after: 0 }, Infinity)
      const started = performance.now()
      const [code, [opened]] = await Promise.all([
        codeOf(seal(sealingLater)),
        openRecords(openingLater, sealed),
      ])
      expect(performance.now() - started).toBeLessThan(KMS_TIMEOUT_MS + SLACK_MS)
      expect([code, opened?.error?.code]).toEqual(['KMS_UNAVAILABLE', 'KMS_UNAVAILABLE'])
      under.proxy.heal()
      await seal(sealingLater)
      expect((await openRecords(openingLater, sealed))[0]?.error).toBeUndefined()
    })

    it('closing ends calls that are in progress', async () => {
      const own = under.provider()
      under.proxy.inject({ kind: 'stalls', after: 0 }, Infinity)
      const before = under.proxy.requests.length
      const code = codeOf(own.generateDek(call()))
      await vi.waitFor(() => {
        expect(under.proxy.requests.length).toBeGreaterThan(before)
      })
      await own.close?.()
      expect(await code).toBe('ENCRYPTION_CLOSED')
    })
  })
}

/** The code that a call rejects with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) return 'none'
  if (!isEnvelopeError(error)) throw new Error('not an EnvelopeError', { cause: error })
  return error.code
}
