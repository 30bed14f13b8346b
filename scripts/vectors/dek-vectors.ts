import * as v from 'valibot'
import { nodeEngine, type Engine } from '../../src/crypto/engine.js'
import { decodePreamble } from '../../src/envelope/formats.js'
import { EventHub } from '../../src/events.js'
import { systemClock } from '../../src/clock.js'
import { OpeningKeys } from '../../src/keys/opening/opening-keys.js'
import { CmkSet } from '../../src/kms/cmk-set.js'
import { Cmk } from '../../src/kms/cmk.js'
import type { Kms } from '../../src/kms/kms.js'
import { checkConfig } from '../../src/config/check.js'
import { Dictionaries } from '../../src/record/dictionaries.js'
import { Overrides } from '../../src/record/overrides.js'
import { Opener } from '../../src/record/opener.js'
import { openAll } from '../../src/record/opening.js'
import { hex, outcomeOf, partsOf, recordMembers, type Outcome } from './vector.js'

/** A test vector as `docs/format.md`, section 17 describes it: the DEK is given. */
export const dekVector = v.object({ ...recordMembers, dek: hex, dictionaries: v.array(hex), envelope: hex })

export type DekVector = v.InferOutput<typeof dekVector>

/** Opens a vector with the library. Returns a plaintext in hex, or a code. */
export async function openDekVector(vector: DekVector, engine: Engine = nodeEngine): Promise<Outcome> {
  const value = Buffer.from(vector.envelope, 'hex')
  const opener = new Opener(
    new OpeningKeys({ maxDeks: 10, ttlMs: 60_000 }, systemClock, new EventHub()),
    engine,
  )
  const cmks = await everyWrapping(value, Buffer.from(vector.dek, 'hex'))
  const dictionaries = new Dictionaries(
    vector.dictionaries.map((dictionary, i) => [String(i), Buffer.from(dictionary, 'hex')]),
    engine,
  )
  const overrides = new Overrides([], 'vectors', systemClock)
  const rule = { name: 'vectors', decrypt: decryptRule(), cmks, dictionaries, overrides }
  const [opened] = await openAll(opener.begin(rule, { topic: vector.topic }, [{ value, ...partsOf(vector) }]))
  return outcomeOf(opened)
}

/** Requires only the topic; values of up to 1 MiB. */
function decryptRule() {
  const { rules } = checkConfig({
    kms: { none: stubKms('none', Buffer.alloc(32)) },
    cmks: { any: [{ kms: 'none', id: 'none' }] },
    topics: [
      { match: ['t'], decrypt: { cmk: 'any', require: { bindKey: false }, maxDecompressedBytes: '1MiB' } },
    ],
  })
  const decrypt = rules[0]?.decrypt
  if (decrypt === undefined) throw new Error('the rule has no decrypt half')
  return { ...decrypt, acceptPublicKeySealing: true }
}

/** A CMK for each wrapping. All of them unwrap to the vector's DEK. */
async function everyWrapping(value: Buffer, dek: Buffer): Promise<CmkSet> {
  const cmks = await Promise.all(
    wrappingsOf(value).map(({ provider, cmkId }) =>
      Cmk.describe(
        { kmsName: provider, kms: stubKms(provider, dek), id: cmkId, clock: systemClock },
        new AbortController().signal,
      ),
    ),
  )
  return CmkSet.forOpening(cmks as [Cmk, ...Cmk[]])
}

/** If the preamble cannot be parsed, nothing is unwrapped: the opener reports why. */
function wrappingsOf(value: Buffer): readonly { readonly provider: string; readonly cmkId: string }[] {
  try {
    return decodePreamble(value).wrappedDeks
  } catch {
    return [{ provider: 'none', cmkId: 'none' }]
  }
}

function stubKms(provider: string, dek: Buffer): Kms {
  const unused = (): Promise<never> => Promise.reject(new Error('vectors only unwrap'))
  return {
    // The rule accepts both, and some of the names are asymmetric.
    describe: () => Promise.resolve({ provider, publicKeyWraps: true }),
    unwrapDek: () => Promise.resolve(Uint8Array.from(dek)),
    generateDek: unused,
    wrapDek: unused,
    verify: unused,
  }
}
