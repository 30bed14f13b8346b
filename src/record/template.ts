import { aadBase } from '../envelope/aad.js'
import { contextEntries } from '../envelope/context.js'
import { decodeHead, encodeHead } from '../envelope/envelope.js'
import { encodeHeader } from '../envelope/header.js'
import type { SealingRule } from '../keys/sealing/dek-rotations.js'
import type { SealingSession } from '../keys/sealing/sealing-session.js'
import { compressionNamed } from './compression.js'

/** What is the same in all envelopes of a session and topic. */
export interface Template {
  readonly head: Buffer
  readonly aad: Buffer
}

const templates = new WeakMap<SealingSession, Map<string, Template>>()

/** The template of a session on a topic, made when it is first needed. */
export function templateOf(session: SealingSession, rule: SealingRule, topic: string): Template {
  let ofSession = templates.get(session)
  if (ofSession === undefined) templates.set(session, (ofSession = new Map<string, Template>()))
  let template = ofSession.get(topic)
  if (template === undefined) {
    const header = encodeHeader({
      suite: session.suite,
      compression: compressionNamed(rule.encrypt.compression).number,
      keyBound: rule.encrypt.bindKey,
      boundHeaders: rule.encrypt.bindHeaders,
      topic,
      context: contextEntries(rule.encrypt.context),
      sessionId: session.id,
      commitment: session.commitment,
    })
    template = { head: encodeHead(session.wrappings, header), aad: aadBase(header) }
    // What we could not read ourselves must not leave: an over-long topic, a KMS that names itself badly.
    decodeHead(template.head)
    ofSession.set(topic, template)
  }
  return template
}
