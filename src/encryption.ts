import { nodeEngine } from './crypto/engine.js'
import { configError, EnvelopeError } from './errors.js'
import { EventHub, type EventListener, type EventName, type Waiting } from './events.js'
import { systemClock, type Clock } from './clock.js'
import { OpeningKeys, type KeyLookups } from './keys/opening/opening-keys.js'
import type { SealingState } from './keys/sealing/sealing-state.js'
import { DekRotations } from './keys/sealing/dek-rotations.js'
import { storableDek } from './keys/sealing/stored-deks.js'
import { withoutListenerLimit } from './cancellation.js'
import { CmkSet } from './kms/cmk-set.js'
import { Cmk } from './kms/cmk.js'
import type { Kms } from './kms/kms.js'
import { share } from './kms/owners.js'
import { kmsesBySide, type NamedKmses } from './kms/sides.js'
import { KmsTracers, type KmsTracer } from './kms/tracers.js'
import { checkConfig } from './config/check.js'
import type { CheckedConfig, CheckedRule } from './config/checked.js'
import type { EncryptionConfig } from './config/config.js'
import { cmkUses, type CmkUse } from './record/cmk-uses.js'
import { withInternals, type ActiveConsumer, type ConsumerStopped } from './record/internals.js'
import { Opener } from './record/opener.js'
import { TopicRules, type ResolvedRule } from './record/topic-rules.js'
import { Sealer } from './record/sealer.js'

/** How an owner and what it owns are. */
export interface Health {
  /**
   * `failed` while a consumer has stopped for good; `degraded` while a DEK seals past a limit because the KMS fails
   * transiently, the last attempt to get a DEK failed, or a consumer waits; `closed` after `close()`.
   */
  readonly status: 'ok' | 'degraded' | 'failed' | 'closed'
  readonly sealingKeys: readonly SealingState[]
  /** DEKs that readers have at hand. */
  readonly openedDeks: number
  /** How often readers had the key they needed at hand. */
  readonly keyLookups: KeyLookups
  /** The CMKs that rules name, used yet or not. */
  readonly cmks: readonly CmkUse[]
  /** Consumers that stopped for good and were neither run again nor disconnected. */
  readonly fatal: readonly ConsumerStopped[]
  /** Records that consumers wait with, for a KMS or for a topic for dead letters. */
  readonly waiting: readonly Waiting[]
}

/**
 * Owns KMS clients, keys and caches. All Kafka clients that are wrapped with it, and `sealRecords` and `openRecords`, share
 * them; `close()` ends it.
 */
export interface Encryption {
  /** Listens to an event; returns what removes the listener. */
  on<N extends EventName>(name: N, listener: EventListener<N>): () => void
  /** Has a tracer make a span of each call to a KMS from now on; returns what removes it. */
  trace(tracer: KmsTracer): () => void
  /**
   * Ends the current DEKs of a rule, or of all, and fetches the next for those that were in use. A
   * provisioned DEK stays, and gets a new sealing session. After a process was restored from a memory snapshot this
   * suffices only where the KMS makes the DEKs, and without `dekStore`.
   * @throws EnvelopeError what the KMS fails with, or CONFIG_INVALID for an unknown rule
   */
  rotate(rule?: string): Promise<void>
  /**
   * Makes a ciphertext DEK for a rule, to be configured as its `provisionedDek`, here or elsewhere; nothing seals under
   * it here. The text is no secret: it is worth nothing without the right to unwrap.
   * @throws EnvelopeError what the KMS fails with, or CONFIG_INVALID for an unknown rule or one without `encrypt`
   */
  createProvisionedDek(rule: string): Promise<string>
  /**
   * Drops every key that came from a CMK, also those on their way; the KMS is asked anew. What was sealed before, and
   * waits to be sent with records that wait for a DEK, is still sent.
   */
  evict(cmkId: string): void
  health(): Health
  /**
   * Proves, for each rule, that what this process needs from its KMSs works: wrapping under all CMKs of
   * `encrypt` (unwrapping under one, where its DEK is provisioned), unwrapping under at least one of `decrypt`.
   * @throws EnvelopeError what the first KMS that does not work fails with
   */
  verify(): Promise<void>
  /**
   * Destroys all keys, and closes the KMSs that no other encryption uses. Disconnect producers and consumers first.
   * Idempotent.
   */
  close(): Promise<void>
  /** `close()`, for `await using encryption = await createEncryption(…)`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Checks a configuration, asks each KMS what its CMKs are, and makes the owner of everything else.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes; what `Kms.describe` rejects with
 */
export async function createEncryption<KmsName extends string, CmkName extends string>(
  config: EncryptionConfig<KmsName, CmkName>,
): Promise<Encryption> {
  return compose(checkConfig(config), systemClock)
}

/** `createEncryption` with a clock of the caller's, for tests. */
export async function compose(config: CheckedConfig, clock: Clock): Promise<Encryption> {
  const events = new EventHub()
  const tracers = new KmsTracers()
  const kmses = kmsesBySide(config.kms, {
    timeoutMs: config.kmsTimeoutMs,
    retries: config.kmsRetries,
    shares: config.kmsRateLimit,
    clock,
    events,
    tracers,
  })
  const shared = share(config.kms)
  const cmks = await describeCmks(config, kmses.sealing, clock).catch((error: unknown) => {
    shared.giveBack()
    throw error
  })
  const rules = config.rules.map((rule) => withCmks(rule, cmks, kmses.opening))
  const book = new TopicRules(rules)
  const uses = cmkUses(rules)
  const sealingKeys = new DekRotations(config.dekStore, clock, events)
  const openingKeys = new OpeningKeys(config.cache, clock, events)
  const sealer = new Sealer(book, sealingKeys, nodeEngine, clock, events)
  const opener = new Opener(openingKeys, nodeEngine)
  const consumers = new Set<ActiveConsumer>()
  const lifetime = unwarned()
  let closing: Promise<void> | undefined

  const checkOpen = (): void => {
    if (lifetime.signal.aborted) throw closed()
  }
  const endKeys = (): Promise<void> => {
    lifetime.abort(closed())
    openingKeys.close()
    return sealingKeys.close()
  }
  const close = (): Promise<void> => {
    closing ??= endKeys().then(() => shared.close())
    return closing
  }
  try {
    await Promise.all(rules.map(async ({ sealing }) => sealing && sealingKeys.start(sealing)))
  } catch (error) {
    await endKeys()
    shared.giveBack()
    throw error
  }

  const encryption: Encryption = {
    on: (name, listener) => events.on(name, listener),
    trace: (tracer) => tracers.add(tracer),
    async rotate(rule) {
      checkOpen()
      if (rule !== undefined && !rules.some(({ name }) => name === rule)) {
        throw configError([{ path: 'rotate()', message: `no rule is named "${rule}"` }])
      }
      await sealingKeys.rotate(rule)
    },
    async createProvisionedDek(rule) {
      checkOpen()
      const sealing = rules.find(({ name }) => name === rule)?.sealing
      if (sealing === undefined) {
        throw configError([
          { path: 'createProvisionedDek()', message: `no rule with \`encrypt\` is named "${rule}"` },
        ])
      }
      const made = await sealing.cmks.newDek(sealing.encrypt.context, lifetime.signal)
      try {
        return JSON.stringify(storableDek(made, sealing, clock))
      } finally {
        made.dek.destroy()
      }
    },
    evict(cmkId) {
      sealingKeys.evict(cmkId)
      openingKeys.evict(cmkId)
    },
    health() {
      const fatal = [...consumers].flatMap((consumer) => consumer.stopped() ?? [])
      const states = sealingKeys.states()
      const waiting = [...consumers].flatMap((consumer) => consumer.waiting())
      const degraded =
        waiting.length > 0 || states.some(({ state, failure }) => state === 'grace' || failure !== undefined)
      return {
        status: lifetime.signal.aborted
          ? 'closed'
          : fatal.length > 0
            ? 'failed'
            : degraded
              ? 'degraded'
              : 'ok',
        sealingKeys: states,
        openedDeks: openingKeys.size,
        keyLookups: openingKeys.lookups,
        cmks: uses,
        fatal,
        waiting,
      }
    },
    async verify() {
      checkOpen()
      for (const rule of rules) await verifyRule(rule, lifetime.signal)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
  return withInternals(encryption, { rules: book, sealer, opener, clock, events, consumers })
}

async function describeCmks(
  { cmks, rules }: CheckedConfig,
  kmses: NamedKmses,
  clock: Clock,
): Promise<ReadonlyMap<string, readonly Cmk[]>> {
  const { signal } = unwarned()
  // One object for each CMK, however many lists name it: they share what is known about an outage.
  const made = new Map<string, Promise<Cmk>>()
  const describe = (kmsName: string, id: string): Promise<Cmk> => {
    const name = JSON.stringify([kmsName, id])
    const cmk = made.get(name) ?? Cmk.describe({ kmsName, kms: kmses[kmsName] as Kms, id, clock }, signal)
    made.set(name, cmk)
    return cmk
  }
  const described = await Promise.all(
    Object.entries(cmks).map(async ([name, refs]): Promise<[string, readonly Cmk[]]> => [
      name,
      await Promise.all(refs.map(({ kms, id }) => describe(kms, id))),
    ]),
  )
  const byName = new Map(described)
  refuseLookAlikes(described.map(([name, list]) => ({ path: `cmks.${name}`, list })))
  refuseLookAlikes(
    rules.map(({ decrypt }, i) => ({
      path: `topics[${String(i)}].decrypt.cmk`,
      list: (decrypt?.cmks ?? []).flatMap((name) => byName.get(name) ?? []),
    })),
  )
  return byName
}

/** Two KMSs may know CMKs that look alike in an envelope; a wrapping must name one. */
function refuseLookAlikes(lists: readonly { readonly path: string; readonly list: readonly Cmk[] }[]): void {
  const issues = lists.flatMap(({ path, list }) =>
    list
      .filter(
        (cmk, i) => list.findIndex(({ provider, id }) => provider === cmk.provider && id === cmk.id) < i,
      )
      .map(({ provider, id }) => ({ path, message: `${provider} ${id} is a duplicate CMK` })),
  )
  if (issues.length > 0) throw configError(issues)
}

function withCmks(
  rule: CheckedRule,
  cmks: ReadonlyMap<string, readonly Cmk[]>,
  openingKmses: NamedKmses,
): ResolvedRule {
  const { name, match, passthrough, encrypt, decrypt } = rule
  // Checked: no list is empty.
  const named = (list: string): readonly [Cmk, ...Cmk[]] => cmks.get(list) as readonly [Cmk, ...Cmk[]]
  return {
    name,
    match,
    passthrough,
    sealing: encrypt && { name, encrypt, cmks: CmkSet.forSealing(named(encrypt.cmk)) },
    reading: decrypt && {
      name,
      decrypt,
      cmks: CmkSet.forOpening(
        decrypt.cmks.flatMap(named).map((cmk) => cmk.by(openingKmses[cmk.kmsName] as Kms)) as [Cmk, ...Cmk[]],
      ),
    },
  }
}

async function verifyRule({ sealing, reading }: ResolvedRule, signal: AbortSignal): Promise<void> {
  if (sealing) {
    const { provisionedDek, context } = sealing.encrypt
    await sealing.cmks.verify(provisionedDek === undefined ? 'wrap' : 'unwrap', context, signal)
  }
  // What a rule seals and opens has the context of its `encrypt`; of what was sealed elsewhere, no more is known.
  const context = sealing?.encrypt.context ?? reading?.decrypt.require.context
  if (reading && context) await reading.cmks.verify('unwrap', context, signal)
}

function closed(): EnvelopeError {
  return new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
}

function unwarned(): AbortController {
  const controller = new AbortController()
  withoutListenerLimit(controller.signal)
  return controller
}
