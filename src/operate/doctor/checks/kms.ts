import type { EnvelopeError } from '../../../errors.js'
import type { CheckedRule } from '../../../config/checked.js'
import type { Facts } from '../facts/facts.js'
import { nameOf, type CmkFacts, type CmkTrial, type KmsFacts } from '../facts/kms.js'
import { fine, found, unchecked, type FindingId, type Outcome, type Severity } from '../finding.js'
import { shown } from '../shown.js'

const IDS: Readonly<Record<string, FindingId>> = {
  KMS_DENIED: 'kms-denied',
  CMK_NOT_FOUND: 'cmk-not-found',
  CMK_DISABLED: 'cmk-disabled',
  CMK_UNUSABLE: 'cmk-unusable',
  KEYRING_EXPOSED: 'keyring-exposed',
}
/** Codes with which a KMS refuses a request because of its time. */
export const CLOCK_CODES: readonly string[] = ['AuthFailure.SignatureExpire', 'RequestExpired']

type FailedTrial = CmkTrial & { readonly failure: EnvelopeError }

const USES = { generate: 'make DEKs', wrap: 'wrap DEKs', unwrap: 'unwrap DEKs' } as const

/** Whether each CMK does what the rules need. */
export function* kms({ kms: facts, config }: Facts): Iterable<Outcome> {
  if (facts === undefined) {
    yield unchecked('KMS', 'CMKs and rights: the configuration has mistakes')
    return
  }
  for (const trials of groupedBy(facts.trials, nameOf)) {
    if (trials.every(({ failure }) => failure === undefined)) yield works(trials)
  }
  const failed = facts.trials.filter((trial): trial is FailedTrial => trial.failure !== undefined)
  for (const trials of groupedBy(failed, causeOf)) yield fails(trials, facts)
  if (!('checked' in config)) return
  const { rules, cmks } = config.checked
  for (const rule of rules) {
    yield* readsBack(rule, facts)
    if (rule.encrypt?.provisionedDek !== undefined) {
      yield unchecked(
        'KMS',
        `the provisioned DEK of rule ${rule.name}: a canary in one of its topics shows whether it seals`,
      )
    }
  }
  const named = new Set(
    rules.flatMap(({ encrypt, decrypt }) => [encrypt?.cmk ?? '', ...(decrypt?.cmks ?? [])]),
  )
  const others = Object.keys(cmks).filter((list) => !named.has(list))
  if (others.length > 0) yield unchecked('KMS', `CMKs that no rule names: ${shown(others)}`)
}

function works(trials: readonly CmkTrial[]): Outcome {
  const [{ cmkId, kms: name }] = trials as [CmkTrial]
  const uses = [...new Set(trials.map(({ use }) => USES[use]))]
  return fine('KMS', `CMK ${cmkId} (${name}): this process may ${uses.join(' and ')}, as the rules need`)
}

/** One finding for all that a CMK refuses for one reason, or for a whole KMS that does not answer. */
function causeOf({ kms: name, cmkId, failure }: FailedTrial): string {
  const id = idOf(failure)
  return JSON.stringify([id, failure.code, failure.kmsCode, name, isOfKms(id, failure) ? '' : cmkId])
}

function isOfKms(id: FindingId, { code }: EnvelopeError): boolean {
  return id === 'kms-unreachable' || id === 'clock-refused' || code.startsWith('KEYRING_')
}

function fails(trials: readonly FailedTrial[], facts: KmsFacts): Outcome {
  const [{ cmkId, kms: name, failure }] = trials as [FailedTrial]
  const id = idOf(failure)
  const severity: Severity = trials.some((trial) => isFatal(trial, facts)) ? 'error' : 'warning'
  const rest = severity === 'error' ? '' : ' with it, though another CMK of the list works'
  return found(id, {
    subject: isOfKms(id, failure) ? `KMS ${name}` : `CMK ${cmkId} (${name})`,
    what: `${brokenUses(trials)}${rest}: ${failure.what}`,
    remedy: failure.remedy,
    severity,
  })
}

/** `Rules a, b cannot make DEKs, and rule a cannot unwrap DEKs`. */
function brokenUses(trials: readonly CmkTrial[]): string {
  const parts = groupedBy(trials, ({ use }) => use).map((same) => {
    const rules = [...new Set(same.map(({ rule }) => rule))]
    const [{ use }] = same as [CmkTrial]
    return `${rules.length === 1 ? 'rule' : 'rules'} ${rules.join(', ')} cannot ${USES[use]}`
  })
  return parts.join(', and ')
}

function idOf({ code, kmsCode, kind }: EnvelopeError): FindingId {
  if (CLOCK_CODES.includes(kmsCode ?? '')) return 'clock-refused'
  return IDS[code] ?? (kind === 'transient' ? 'kms-unreachable' : 'kms-failed')
}

/** Whether the rule fails because of it. */
function isFatal(trial: CmkTrial, { trials }: KmsFacts): boolean {
  return (
    !trial.suffices ||
    trials
      .filter(({ rule, half, list }) => rule === trial.rule && half === trial.half && list === trial.list)
      .every(({ failure }) => failure !== undefined)
  )
}

/** Whether a rule opens what it seals, as far as its CMKs tell; and what others seal with a public key. */
function* readsBack({ name, encrypt, decrypt }: CheckedRule, facts: KmsFacts): Iterable<Outcome> {
  if (decrypt === undefined) return
  const of = (half: CmkTrial['half']): CmkFacts[] =>
    facts.trials
      .filter((trial) => trial.rule === name && trial.half === half)
      .flatMap((trial) => facts.cmks.find((cmk) => nameOf(cmk) === nameOf(trial)) ?? [])
  const [sealing, reading] = [of('encrypt'), of('decrypt')]
  const isPublic = reading.length > 0 && reading.every(({ publicKeyWraps }) => publicKeyWraps)
  if (isPublic && !decrypt.acceptPublicKeySealing) {
    yield found('public-key-refused', {
      subject: `rule ${name}`,
      what: 'all CMKs of `decrypt` are asymmetric, and the rule does not accept DEKs that a public key wrapped, so it opens nothing',
      remedy:
        'Set `decrypt.acceptPublicKeySealing: true`, if you accept that anyone with the public key can seal',
    })
    return
  }
  if (encrypt === undefined || sealing.length === 0 || reading.length === 0) return
  const opens = (own: CmkFacts, made: CmkFacts): boolean =>
    own.provider === made.provider && (own.cmkId === made.cmkId || own.unwrapsFor(made.cmkId))
  if (sealing.some((made) => reading.some((own) => opens(own, made)))) return
  yield found('rule-cannot-read-back', {
    subject: `rule ${name}`,
    what: '`decrypt` has none of the CMKs of `encrypt`, so the rule cannot open what it seals',
    remedy: `Add \`${encrypt.cmk}\` to \`decrypt.cmk\`, unless that is intended`,
  })
}

function groupedBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return [...groups.values()]
}
