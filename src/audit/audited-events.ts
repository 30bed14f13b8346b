import type { ConfiguredOverride, CopyEvent, EncryptionEvents, EventName } from '../events.js'

/** Returns the members that the line of an event has, or undefined if the event gets no line. */
type Row<N extends EventName, Nothing = undefined> = (
  event: EncryptionEvents[N],
) => Readonly<Record<string, unknown>> | Nothing

/** The codes with which a KMS denies. Other failures of a call pass by themselves, or blame a record. */
const DENIALS: ReadonlySet<string | undefined> = new Set([
  'KMS_DENIED',
  'KMS_REFUSED',
  'CMK_DISABLED',
  'CMK_NOT_FOUND',
  'CMK_UNUSABLE',
])

/** Who let which record pass, and why. */
export function overrideFields(override: ConfiguredOverride): Readonly<Record<string, unknown>> {
  const { rule, topic, partition, offset, code, action, deadLetter, until, by, why, state } = override
  return { rule, topic, partition, offset, code, action, deadLetter, until, by, why, state }
}

/**
 * The events that matter to auditors, with every member that a line has. A member that is added to an event does not
 * get into logs by itself.
 */
export const AUDITED = {
  'dek.created': ({ rule, topic, cmkIds, missing, sessionId, origin }) => ({
    ...{ rule, topic, sessionId, origin, cmkIds },
    missing: missing?.map(({ cmkId, code }) => ({ cmkId, code })),
  }),
  'dek.retired': ({ rule, topic, sessionId, reason, messages, bytes, ageMs, grace }) => ({
    ...{ rule, topic, sessionId, reason, messages, bytes, ageMs: Math.round(ageMs) },
    grace: grace && {
      ...{ limit: grace.limit, messages: grace.messages, bytes: grace.bytes, ms: Math.round(grace.ms) },
    },
  }),
  'dek.destroyed': ({ side, sessionId, cmkId }) => ({ side, sessionId, cmkId }),
  'dek.grace': ({ rule, topic, sessionId, limit, code, graceMs }) => ({
    ...{ rule, topic, sessionId, limit, code, graceMs },
  }),
  'kms.call': ({ kms, cmkId, toCmkId, operation, code }) =>
    DENIALS.has(code) ? { kms, cmkId, toCmkId, operation, code } : undefined,
  'record.rejected': ({ rule, topic, partition, offset, code, kind, action }) => ({
    ...{ rule, topic, partition, offset, code, kind, action },
  }),
  'override.used': overrideFields,
  'consumer.stopped': ({ groupId, topic, partition, offset, code }) => ({
    ...{ groupId, topic, partition, offset, code },
  }),
  'copy.started': copyFields,
  'copy.ended': (event) => ({
    ...copyFields(event),
    ...{ outcome: event.outcome, code: event.code, messages: event.messages },
    ...{ rewrapped: event.rewrapped, others: event.others },
  }),
} as const satisfies { readonly [N in EventName]?: Row<N> }

function copyFields(event: CopyEvent): Readonly<Record<string, unknown>> {
  const { by, topic, target, groupId, added, replaced, removed } = event
  return {
    by,
    topic,
    target,
    groupId,
    added,
    replaced: replaced?.map(({ from, to }) => ({ from, to })),
    removed,
  }
}

/** Its events are added up before there is a line for them. */
export const plaintextFields: Row<'plaintext.delivered', never> = ({
  rule,
  topic,
  partition,
  messages,
  bytes,
  firstOffset,
  lastOffset,
  untilOffset,
}) => ({ rule, topic, partition, messages, bytes, firstOffset, lastOffset, untilOffset })

export type AuditedName = keyof typeof AUDITED
