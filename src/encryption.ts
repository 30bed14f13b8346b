import { chooseEngine } from './crypto/choose-engine.js'
import type { Engine } from './crypto/engine.js'
import { configError, EnvelopeError } from './errors.js'
import { EventHub, type EventListener, type EventName } from './events.js'
import { nextTurn, systemClock, type Clock } from './clock.js'
import { OpeningKeys } from './keys/opening/opening-keys.js'
import { DekRotations } from './keys/sealing/dek-rotations.js'
import { storableDek } from './keys/sealing/stored-deks.js'
import { withoutListenerLimit } from './cancellation.js'
import { share } from './kms/owners.js'
import { kmsesBySide } from './kms/sides.js'
import { KmsTracers, type KmsTracer } from './kms/tracers.js'
import { readDictionaries } from './config/read-dictionaries.js'
import { checkConfig } from './config/check.js'
import type { CheckedConfig } from './config/checked.js'
import type { EncryptionConfig } from './config/config.js'
import { cmkUses } from './record/cmk-uses.js'
import { withInternals, type ActiveConsumer } from './record/internals.js'
import { Dictionaries } from './record/dictionaries.js'
import { Opener } from './record/opener.js'
import { TopicRules } from './record/topic-rules.js'
import { Sealer } from './record/sealer.js'
import { healthOf, type Health } from './health.js'
import { resolveRules, toOpen, verifyRule } from './resolve-rules.js'
import { secretsUnder, type Secrets } from './secrets/secrets.js'

/**
 * Owns KMS clients, keys and caches. They are shared by `sealRecords`, `openRecords` and all Kafka clients that are
 * wrapped with it. End it with `close()`.
 */
export interface Encryption {
  /** Listens to an event; returns a function that removes the listener. */
  on<N extends EventName>(name: N, listener: EventListener<N>): () => void
  /** Adds a tracer, which gets a span for each further call to a KMS; returns a function that removes it. */
  trace(tracer: KmsTracer): () => void
  /**
   * Retires the current DEKs of one rule, or of all rules, and fetches the next ones for those that were in use. A
   * provisioned DEK stays, and gets a new sealing session. After a process was restored from a memory snapshot, this
   * suffices only if the KMS makes the DEKs and there is no `dekStore`.
   * @throws EnvelopeError the failure of the KMS, or CONFIG_INVALID for an unknown rule
   */
  rotate(rule?: string): Promise<void>
  /**
   * Creates a ciphertext DEK for a rule, to be configured as its `provisionedDek` here or elsewhere. This process does not
   * seal under it. The text is not secret: it is worthless without permission to unwrap.
   * @throws EnvelopeError the failure of the KMS, or CONFIG_INVALID for an unknown rule or one without `encrypt`
   */
  createProvisionedDek(rule: string): Promise<string>
  /**
   * Encrypts and decrypts small secrets, such as passwords, under an entry of `cmks`: its first CMK encrypts, and each of
   * them decrypts what was encrypted under it.
   * @param cmk the name of the entry
   * @throws EnvelopeError CONFIG_INVALID for an unknown entry; CMK_UNUSABLE if its first CMK encrypts no secrets, such as
   * an RSA CMK
   */
  secrets(cmk: string): Secrets
  /**
   * Drops every key that came from a CMK, including keys being fetched; the KMS is asked again. The id of any replica of
   * a multi-region key drops the keys that came from its replicas. Records that are already sealed, but wait for the rest of their send to get a DEK, are still sent.
   */
  evict(cmkId: string): void
  health(): Health
  /**
   * Proves that each rule can use its CMKs as this process needs them: making DEKs under the first CMK of `encrypt` and
   * wrapping under the others (with `sealUnder: 'any'`, making them under at least one; with a provisioned DEK, unwrapping
   * under one), and unwrapping under at least one CMK of `decrypt`.
   * @throws EnvelopeError the failure of the first KMS that does not work
   */
  verify(): Promise<void>
  /**
   * Destroys all keys and closes every KMS client that no other encryption uses. Disconnect producers and consumers first.
   * Idempotent.
   */
  close(): Promise<void>
  /** `close()`, for `await using encryption = await createEncryption(…)`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Checks a configuration, asks each KMS to describe its CMKs, and returns the owner of everything else.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes, or the error of `Kms.describe`
 */
export async function createEncryption<
  KmsName extends string,
  CmkName extends string,
  DictionaryName extends string = never,
>(config: EncryptionConfig<KmsName, CmkName, DictionaryName>): Promise<Encryption> {
  return compose(checkConfig(config), systemClock)
}

/** `createEncryption` with the caller's clock, for tests. */
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
  const lifetime = new AbortController()
  withoutListenerLimit(lifetime.signal)
  const giveBack = (error: unknown): never => {
    shared.giveBack()
    throw error
  }
  const engine = await chooseEngine().catch(giveBack)
  const dictionaries = await dictionariesOf(config, engine).catch(giveBack)
  const { rules, cmks } = await resolveRules(config, kmses, dictionaries, clock, lifetime.signal).catch(
    giveBack,
  )
  const book = new TopicRules(rules)
  const uses = cmkUses(rules)
  const overrides = rules.flatMap(({ reading }) => reading?.overrides.all ?? [])
  const sealingKeys = new DekRotations(config.dekStore, clock, events)
  const openingKeys = new OpeningKeys(config.cache, clock, events)
  const sealer = new Sealer(book, sealingKeys, engine, clock, events)
  const opener = new Opener(openingKeys, engine)
  const consumers = new Set<ActiveConsumer>()
  let closing: Promise<void> | undefined

  const checkOpen = (): void => {
    if (lifetime.signal.aborted) throw closed()
  }
  const endKeys = (): Promise<void> => {
    lifetime.abort(closed())
    openingKeys.close()
    for (const consumer of consumers) consumer.endWaits()
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
      const { context } = sealing.encrypt
      const made = await sealing.cmks.newDek({ context, sealUnder: 'all', signal: lifetime.signal })
      try {
        return JSON.stringify(storableDek(made, sealing, clock))
      } finally {
        made.dek.destroy()
      }
    },
    secrets(cmk) {
      const list = cmks.get(cmk)
      if (list === undefined)
        throw configError([
          {
            path: 'secrets()',
            message: `\`cmks\` has no entry "${cmk}"; it has ${[...cmks.keys()].join(', ')}`,
          },
        ])
      return secretsUnder({ encrypting: list, decrypting: toOpen(list, kmses.opening) }, lifetime.signal)
    },
    evict(cmkId) {
      sealingKeys.evict(cmkId)
      openingKeys.evict(cmkId)
    },
    health: () =>
      healthOf({
        isClosed: lifetime.signal.aborted,
        engine: engine.name,
        sealingKeys,
        openingKeys,
        cmks: uses,
        overrides,
        consumers,
      }),
    async verify() {
      checkOpen()
      for (const rule of rules) await verifyRule(rule, lifetime.signal)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
  // After the caller could add its listeners.
  void nextTurn().then(() => {
    events.emit('engine.chosen', { engine: engine.name })
    for (const { configured } of overrides) events.emit('override.configured', configured)
  })
  return withInternals(encryption, { rules: book, cmks, sealer, opener, clock, events, consumers })
}

/** @throws EnvelopeError CONFIG_INVALID for a file that cannot be read */
async function dictionariesOf(config: CheckedConfig, engine: Engine): Promise<Dictionaries> {
  const { dictionaries, issues } = await readDictionaries(config.dictionaries, '.')
  if (issues.length > 0) throw configError(issues)
  return new Dictionaries(dictionaries, engine)
}

function closed(): EnvelopeError {
  return new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
}
