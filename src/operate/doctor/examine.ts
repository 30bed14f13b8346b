import type { Kafka } from 'kafkajs'
import { onAbort } from '../../cancellation.js'
import { systemClock as clock } from '../../clock.js'
import { checkConfig } from '../../config/check.js'
import type { CheckedConfig } from '../../config/checked.js'
import { readDictionaries } from '../../config/read-dictionaries.js'
import { loadConfig } from '../../config-file/index.js'
import { isEnvelopeError } from '../../errors.js'
import type { EncryptedTopicRule, EncryptionConfig } from '../../index.js'
import { share } from '../../kms/owners.js'
import { flyCanary, type CanaryReport } from './canary.js'
import { runChecks } from './checks.js'
import { askCluster } from './facts/cluster.js'
import type { ConfigFacts, KafkaFacts } from './facts/facts.js'
import { askKmses } from './facts/kms.js'
import { messageOf } from './facts/message-of.js'
import { askProgram } from './facts/program.js'
import { unchecked, type Finding, type Outcome, type Remark, type Severity } from './finding.js'
import { RuleTopics } from './topics-of.js'

export interface ExamineOptions {
  /**
   * A configuration file, whose KMSs are made and closed here; or what `createEncryption` takes, whose KMSs stay open.
   */
  readonly config: string | EncryptionConfig
  /** If absent, nothing about Kafka is checked. */
  readonly kafka?: Kafka
  /** Only these topics, by their exact names. Default all that a rule matches. */
  readonly topics?: readonly string[]
  /** Writes one sealed record with the header `kafka-envelope-canary` into this topic, and reads it. Default none. */
  readonly canary?: string
  readonly signal?: AbortSignal
}

/** What was found. Its text may come from a cluster: escape it before you show it on a terminal. */
export interface Examination {
  /** The worst first. */
  readonly findings: readonly Finding[]
  /** What was checked and is in order. */
  readonly fine: readonly Remark[]
  /** What could not be checked, and why. */
  readonly unchecked: readonly Remark[]
  readonly canary?: CanaryReport
}

/**
 * Checks a whole setup: configuration, versions, KMSs and rights, clock, topics, topics for dead letters. It makes some
 * DEKs and tries what should be denied; without `canary`, it changes nothing. What fails is a finding.
 * @throws Error if the canary has no rule that encrypts its topic, or no Kafka; EnvelopeError CONFIG_INVALID if a KMS in
 * `config` was closed; the reason of `signal`
 */
export async function examine(options: ExamineOptions): Promise<Examination> {
  const { topics = [], canary, signal = new AbortController().signal } = options
  const given = await loaded(options.config)
  const config = await checked(given)
  // A canary shares the KMSs, and must not close them.
  const shared = 'checked' in config ? share(config.checked.kms) : undefined
  try {
    const ruleAt = canary === undefined ? undefined : canaryRule(canary, config, options.kafka)
    const [program, kms, kafka] = await untilAborted(
      Promise.all([
        askProgram('checked' in config ? config.checked.dekStore : undefined, clock),
        'checked' in config ? askKmses(config.checked, clock, signal) : undefined,
        kafkaFacts(options.kafka, config, topics),
      ]),
      signal,
    )
    const outcomes = runChecks({ program, config, kms, kafka, nowMs: clock.wallMs(), topics })
    if (canary === undefined || 'issues' in given || options.kafka === undefined || ruleAt === undefined) {
      const why =
        canary === undefined ? noCanary(options.kafka) : 'the canary: the configuration has mistakes'
      return examinationOf([...outcomes, unchecked('canary', why)])
    }
    const rule = given.topics[ruleAt] as EncryptedTopicRule<string, string>
    const flown = await flyCanary({ kafka: options.kafka, config: given, rule, topic: canary, clock, signal })
    return { ...examinationOf([...outcomes, ...flown.outcomes]), canary: flown.report }
  } finally {
    shared?.giveBack()
    if (typeof options.config === 'string' && 'checked' in config) {
      await Promise.allSettled(Object.values(config.checked.kms).map(async (kms) => kms.close?.()))
    }
  }
}

type Given = EncryptionConfig | Extract<ConfigFacts, { issues: unknown }>

async function loaded(config: ExamineOptions['config']): Promise<Given> {
  return typeof config === 'string' ? loadConfig(config).catch(issuesOf) : config
}

/** @throws EnvelopeError CONFIG_INVALID if a KMS was closed */
async function checked(given: Given): Promise<ConfigFacts> {
  if ('issues' in given) return given
  try {
    const config = checkConfig(given)
    const { issues } = await readDictionaries(config.dictionaries, '.')
    return issues.length > 0 ? { issues } : { checked: config }
  } catch (error) {
    return issuesOf(error)
  }
}

function issuesOf(error: unknown): Extract<ConfigFacts, { issues: unknown }> {
  if (isEnvelopeError(error) && error.code === 'CONFIG_INVALID') return { issues: error.issues }
  throw error
}

/** The place of the rule under which a canary is sealed; undefined if the configuration has mistakes. */
function canaryRule(topic: string, config: ConfigFacts, kafka: Kafka | undefined): number | undefined {
  if (kafka === undefined) throw new Error('a canary needs Kafka')
  if (!('checked' in config)) return undefined
  const { rules } = config.checked
  const rule = new RuleTopics(config.checked, []).ruleOf(topic)
  if (rule === undefined) throw new Error(`no canary in topic ${topic}: no rule matches it`)
  if (rule.encrypt === undefined) {
    const why = rule.passthrough ? 'passes values through' : 'has no `encrypt`'
    throw new Error(`no canary in topic ${topic}: rule ${rule.name} ${why}, so nothing would be sealed`)
  }
  return rules.indexOf(rule)
}

function noCanary(kafka: Kafka | undefined): string {
  return kafka === undefined
    ? 'sealing, writing, reading and opening: Kafka is not given'
    : 'whether a record can be sealed, written, read and opened: no canary was asked for'
}

async function kafkaFacts(
  kafka: Kafka | undefined,
  config: ConfigFacts,
  only: readonly string[],
): Promise<KafkaFacts> {
  if (kafka === undefined) return { notAsked: 'brokers and topics: Kafka is not given' }
  try {
    return {
      cluster: await askCluster(kafka, questionOf('checked' in config ? config.checked : undefined, only)),
    }
  } catch (error) {
    return { failure: messageOf(error) }
  }
}

function questionOf(
  config: CheckedConfig | undefined,
  only: readonly string[],
): Parameters<typeof askCluster>[1] {
  if (config === undefined) return { looksAt: () => false, wantsOffsets: () => false }
  const topics = new RuleTopics(config, only)
  return {
    looksAt: (topic) => topics.looksAt(topic),
    wantsOffsets: (topic) => topics.ruleOf(topic)?.decrypt?.plaintext.untilOffsets.has(topic) === true,
  }
}

/** KafkaJS cannot be told to stop. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => {
      reject(signal.reason as Error)
    })
    promise.then(resolve, reject).finally(stop)
  })
}

const WORST_FIRST: readonly Severity[] = ['error', 'warning', 'note']

function examinationOf(outcomes: readonly Outcome[]): Examination {
  const findings = outcomes.flatMap((each) => ('finding' in each ? [each.finding] : []))
  return {
    findings: WORST_FIRST.flatMap((severity) => findings.filter((finding) => finding.severity === severity)),
    fine: outcomes.flatMap((each) => ('fine' in each ? [each.fine] : [])),
    unchecked: outcomes.flatMap((each) => ('unchecked' in each ? [each.unchecked] : [])),
  }
}
