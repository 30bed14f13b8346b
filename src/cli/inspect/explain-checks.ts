import type { CheckResult, Trial, TrialFailure } from '../../operate/index.js'
import { printable } from '../printable.js'

/** What each check is about, in words. */
export const CHECK_NAMES: Readonly<Record<CheckResult['check'], string>> = {
  tombstone: 'null values',
  prefix: 'prefix',
  envelope: 'structure of the envelope',
  header: 'structure of the header',
  suite: 'suite',
  compression: 'compression, dictionary',
  topic: 'topic',
  requirements: 'requirements of the rule',
  candidates: 'CMK of the rule',
  unwrapping: 'unwrapping',
  commitment: 'commitment',
  authentication: 'authentication',
  decompression: 'decompression',
}

const VERDICTS: Readonly<Record<Exclude<Trial['outcome'], 'refused' | 'unavailable'>, string>> = {
  opened: 'Accepted: the record opens.',
  passed: 'Accepted: the value is delivered as it is.',
  undecided: 'Accepted as far as that can be seen without a key. With --open, the other checks are made too.',
}

/** The checks, one a row, and what follows from them. */
export function checkRows(trial: Trial): {
  readonly title: string
  readonly rows: readonly (readonly [label: string, text: string])[]
  readonly verdict: readonly string[]
} {
  const { topic, rule, outcome, checks, failure } = trial
  const where = `Checks as a record of topic ${printable(Buffer.from(topic))}`
  return {
    title: rule === undefined ? where : `${where}, under rule ${rule}`,
    // Without a rule, no check is made.
    rows:
      rule === undefined
        ? []
        : checks.map(({ step, check, result }) => [
            `${String(step).padStart(2)}  ${CHECK_NAMES[check]}`,
            resultOf(result, failure),
          ]),
    verdict:
      outcome === 'refused' || outcome === 'unavailable' ? refusal(outcome, failure) : [VERDICTS[outcome]],
  }
}

function resultOf(result: CheckResult['result'], failure: TrialFailure | undefined): string {
  switch (result) {
    case 'ok':
      return 'ok'
    case 'failed':
      return failure === undefined ? 'failed' : `failed: ${failure.code}${kindOf(failure)}`
    case 'notTried':
      return 'not tried: needs a key'
    case 'notReached':
      return 'not reached'
  }
}

function refusal(outcome: 'refused' | 'unavailable', failure: TrialFailure | undefined): string[] {
  if (failure === undefined) return []
  const { code, what, remedy, kmsCode, requestId, consumer } = failure
  const words = { refused: 'Refused', unavailable: 'Not clear now' }[outcome]
  return [
    `${words}: ${code}${kindOf(failure)}`,
    `  ${sentence(printable(Buffer.from(what)))}`,
    `  ${sentence(printable(Buffer.from(remedy)))}`,
    ...(kmsCode === undefined ? [] : [`  Code of the KMS: ${printable(Buffer.from(kmsCode))}`]),
    ...(requestId === undefined ? [] : [`  Request of the KMS: ${printable(Buffer.from(requestId))}`]),
    ...(consumer === undefined ? [] : [`  ${consumerOf(consumer)}`]),
  ]
}

function consumerOf(consumer: NonNullable<TrialFailure['consumer']>): string {
  switch (consumer) {
    case 'retry':
      return 'A consumer waits here and tries again.'
    case 'stop':
      return 'A consumer stops at this record.'
    case 'skip':
      return 'A consumer skips this record.'
    case 'ask':
      return 'A consumer asks the function of the rule what to do.'
    default:
      return `A consumer sends this record to the dead-letter topic ${consumer.deadLetter}.`
  }
}

function kindOf({ kind }: TrialFailure): string {
  return kind === undefined ? '' : ` (${kind})`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
