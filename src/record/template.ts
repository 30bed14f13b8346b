import { contextEntries } from '../envelope/context.js'
import type { Format } from '../envelope/format.js'
import { DEFAULT_FORMAT } from '../envelope/formats.js'
import type { SealingSession } from '../keys/sealing/sealing-session.js'
import type { WritingRule } from './topic-rules.js'

/** The constant part of all envelopes of a session and topic. */
export interface Template {
  readonly format: Format
  readonly preamble: Buffer
  readonly aad: Buffer
}

const templates = new WeakMap<SealingSession, Map<string, Template>>()

/** The template of a session on a topic, made when it is first needed. */
export function templateOf(
  session: SealingSession,
  { sealing: { encrypt }, compression }: WritingRule,
  topic: string,
): Template {
  let ofSession = templates.get(session)
  if (ofSession === undefined) templates.set(session, (ofSession = new Map<string, Template>()))
  let template = ofSession.get(topic)
  if (template === undefined) {
    const format = DEFAULT_FORMAT
    const header = format.encodeHeader({
      suite: session.suite,
      compression: compression.number,
      dictionary: compression.dictionary,
      keyBound: encrypt.bindKey,
      boundHeaders: encrypt.bindHeaders,
      topic,
      context: contextEntries(encrypt.context),
      sessionId: session.id,
      commitment: session.commitment,
    })
    const preamble = format.encodePreamble(session.wrappings, header)
    template = { format, preamble, aad: format.aadBase(header) }
    // An envelope that we could not read ourselves must not be sent: with an over-long topic, or an invalid provider
    // name.
    format.decodePreamble(preamble)
    ofSession.set(topic, template)
  }
  return template
}
