import type { Clock } from '../../../clock.js'
import type { CheckedConfig, CheckedRule } from '../../../config/checked.js'
import { EnvelopeError, isEnvelopeError } from '../../../errors.js'
import { EventHub } from '../../../events.js'
import { Cmk } from '../../../kms/cmk.js'
import type { EncryptionContext, Kms, KmsUse } from '../../../kms/kms.js'
import { kmsesBySide } from '../../../kms/sides.js'
import { KmsTracers } from '../../../kms/tracers.js'
import { messageOf } from './message-of.js'

/** What the KMSs said about the CMKs of all rules. */
export interface KmsFacts {
  /** Each use that a rule needs. */
  readonly trials: readonly CmkTrial[]
  /** Each use that no rule needs. */
  readonly excess: readonly ExcessTrial[]
  /** What is known about each CMK that answered. */
  readonly cmks: readonly CmkFacts[]
}

/** One CMK of one list of a rule, tried as the rule uses it. */
export interface CmkTrial {
  readonly rule: string
  readonly half: 'encrypt' | 'decrypt'
  /** The name of the list under `cmks`. */
  readonly list: string
  /** Whether the rule works if any CMK of the list does. */
  readonly suffices: boolean
  readonly kms: string
  readonly cmkId: string
  readonly use: KmsUse
  readonly failure?: EnvelopeError
}

export interface ExcessTrial {
  readonly kms: string
  readonly cmkId: string
  readonly provider: string
  readonly use: 'unwrap' | 'generate'
  /** `unknown`: the KMS failed otherwise, as `why` says. */
  readonly answer: 'allowed' | 'denied' | 'unknown'
  readonly why?: string
}

/** As `CmkDescription` has it. */
export interface CmkFacts {
  readonly kms: string
  readonly cmkId: string
  readonly provider: string
  readonly publicKeyWraps: boolean
  readonly unwrapsFor: (cmkId: string) => boolean
}

type Ref = Pick<CmkTrial, 'kms' | 'cmkId'>

/** How a rule uses a CMK. */
interface Need extends Omit<CmkTrial, 'failure'> {
  readonly context: EncryptionContext
  /** The CMK that makes the DEKs that this one wraps, unless it makes them itself. */
  readonly maker?: Ref
}

/**
 * Asks each KMS, with the time-outs, retries and limits of the configuration, whether this process may do what its rules
 * need, and then what they do not need. Each CMK is asked by itself. Never rejects, unless `signal` aborts.
 */
export async function askKmses(config: CheckedConfig, clock: Clock, signal: AbortSignal): Promise<KmsFacts> {
  const cmkOf = cmksOf(config, clock, signal)
  const needs = config.rules.flatMap((rule) => needsOf(rule, config))
  const trials = await Promise.all(needs.map((need) => tried(need, cmkOf, signal)))
  const unasked = unneeded(needs, config.dekStore !== undefined)
  const excess = await Promise.all(unasked.map((one) => triedInExcess(one, cmkOf, signal)))
  const cmks = await Promise.all(uniqueRefs(needs).map((ref) => cmkOf(ref).catch(() => undefined)))
  signal.throwIfAborted()
  return {
    trials,
    excess: excess.filter((one) => one !== undefined),
    cmks: cmks.flatMap((cmk) =>
      cmk === undefined
        ? []
        : [
            {
              kms: cmk.kmsName,
              cmkId: cmk.id,
              provider: cmk.provider,
              publicKeyWraps: cmk.publicKeyWraps,
              unwrapsFor: cmk.unwrapsFor,
            },
          ],
    ),
  }
}

/** Each CMK is described once. */
function cmksOf(config: CheckedConfig, clock: Clock, signal: AbortSignal): (ref: Ref) => Promise<Cmk> {
  const { sealing } = kmsesBySide(config.kms, {
    timeoutMs: config.kmsTimeoutMs,
    retries: config.kmsRetries,
    shares: config.kmsRateLimit,
    clock,
    events: new EventHub(),
    tracers: new KmsTracers(),
  })
  const made = new Map<string, Promise<Cmk>>()
  return ({ kms, cmkId: id }) => {
    const name = nameOf({ kms, cmkId: id })
    const cmk = made.get(name) ?? Cmk.describe({ kmsName: kms, kms: sealing[kms] as Kms, id, clock }, signal)
    made.set(name, cmk)
    return cmk
  }
}

/** As `verifyRule` has it, but for each CMK. */
function needsOf(
  { name: rule, encrypt, decrypt }: CheckedRule,
  { cmks }: Pick<CheckedConfig, 'cmks'>,
): Need[] {
  const refsOf = (list: string): Ref[] => (cmks[list] ?? []).map(({ kms, id }) => ({ kms, cmkId: id }))
  const context = encrypt?.context ?? decrypt?.require.context ?? {}
  const refs = refsOf(encrypt?.cmk ?? '')
  const [first] = refs
  const sealing = refs.map((ref, at): Need => {
    const isAny = encrypt?.sealUnder === 'any'
    const isProvisioned = encrypt?.provisionedDek !== undefined
    const use: KmsUse = isProvisioned ? 'unwrap' : at === 0 || isAny ? 'generate' : 'wrap'
    const suffices = isProvisioned || isAny
    const need = { rule, half: 'encrypt' as const, list: encrypt?.cmk ?? '', suffices, ...ref, use, context }
    return use === 'wrap' && first ? { ...need, maker: first } : need
  })
  const reading = (decrypt?.cmks ?? []).flatMap((list) =>
    refsOf(list).map((ref): Need => {
      return { rule, half: 'decrypt', list, suffices: true, ...ref, use: 'unwrap', context }
    }),
  )
  return [...sealing, ...reading]
}

async function tried(
  { context, maker: _, ...need }: Need,
  cmkOf: (ref: Ref) => Promise<Cmk>,
  signal: AbortSignal,
): Promise<CmkTrial> {
  try {
    await (await cmkOf(need)).verify(need.use, context, signal)
    return need
  } catch (error) {
    return { ...need, failure: failureOf(error) }
  }
}

/** The uses of each CMK that no rule needs. A store keeps DEKs that have to be unwrapped again. */
function unneeded(needs: readonly Need[], hasStore: boolean): { need: Need; use: ExcessTrial['use'] }[] {
  return uniqueRefs(needs).flatMap((ref): { need: Need; use: ExcessTrial['use'] }[] => {
    const own = needs.filter((need) => nameOf(need) === nameOf(ref))
    const making = own.find(({ use }) => use !== 'unwrap')
    const unwrapping = own.find(({ use }) => use === 'unwrap')
    if (making && !unwrapping) return hasStore ? [] : [{ need: making, use: 'unwrap' }]
    return unwrapping && !making ? [{ need: unwrapping, use: 'generate' }] : []
  })
}

/** Undefined if the CMK does not answer at all, or if anyone may do it, as with a public key. */
async function triedInExcess(
  { need, use }: { readonly need: Need; readonly use: ExcessTrial['use'] },
  cmkOf: (ref: Ref) => Promise<Cmk>,
  signal: AbortSignal,
): Promise<ExcessTrial | undefined> {
  const { kms, cmkId, context, maker } = need
  const cmk = await cmkOf(need).catch(() => undefined)
  if (cmk === undefined || (use === 'generate' && cmk.publicKeyWraps)) return undefined
  const trial = { kms, cmkId, provider: cmk.provider, use }
  let ciphertextDek: Buffer | undefined
  try {
    if (use === 'unwrap')
      ciphertextDek = await freshlyWrapped(cmk, maker && (await cmkOf(maker)), context, signal)
  } catch (error) {
    // Whether it may make DEKs, its own trial says.
    return { ...trial, answer: 'unknown', why: messageOf(error) }
  }
  try {
    if (ciphertextDek === undefined) await cmk.verify('generate', context, signal)
    else (await cmk.unwrap(ciphertextDek, context, signal)).destroy()
    return { ...trial, answer: 'allowed' }
  } catch (error) {
    const isDenied = isEnvelopeError(error) && (error.code === 'KMS_DENIED' || error.code === 'CMK_UNUSABLE')
    return isDenied ? { ...trial, answer: 'denied' } : { ...trial, answer: 'unknown', why: messageOf(error) }
  }
}

/** `verify` would not do: some providers prove less for an identity that may do less. */
async function freshlyWrapped(
  cmk: Cmk,
  maker: Cmk | undefined,
  context: EncryptionContext,
  signal: AbortSignal,
): Promise<Buffer> {
  const cmks = maker === undefined ? ([cmk] as const) : ([maker, cmk] as const)
  const { dek, wrappings } = await Cmk.newDek(cmks, { context, sealUnder: 'all', signal })
  dek.destroy()
  const own = wrappings.find(({ provider, cmkId }) => provider === cmk.provider && cmkId === cmk.id)
  if (own === undefined) throw new Error(`CMK ${cmk.id} wrapped nothing`)
  return own.ciphertextDek
}

function uniqueRefs(needs: readonly Ref[]): Ref[] {
  return [...new Map(needs.map(({ kms, cmkId }) => [nameOf({ kms, cmkId }), { kms, cmkId }])).values()]
}

export function nameOf({ kms, cmkId }: Ref): string {
  return JSON.stringify([kms, cmkId])
}

function failureOf(error: unknown): EnvelopeError {
  return isEnvelopeError(error) ? error : new EnvelopeError('KMS_UNAVAILABLE', messageOf(error))
}
