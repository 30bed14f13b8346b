import { MAX_CONTEXT_BYTES, MAX_HEADER_BYTES, TOPIC } from '../envelope/bounds.js'
import { asArray, asRecord } from './untyped.js'
import { DEFAULT_FORMAT } from '../envelope/formats.js'
import { child } from './paths.js'
import { table, textEntries, textsOf, type RuleAt } from './cross-check-input.js'
import { isGlob, TopicIndex } from '../policy/topics.js'

const { sizes } = DEFAULT_FORMAT

/** Compares what a rule authenticates with what it requires of the records that it opens. */
export const SEALED_AND_REQUIRED = table({
  'a context fits into an envelope': function* ({ rules }) {
    for (const { path, context } of authenticated(rules)) {
      if (sizes.context(context) <= MAX_CONTEXT_BYTES) continue
      const message = `takes more than ${String(MAX_CONTEXT_BYTES)} bytes when encoded`
      yield { path: `${path}.context`, message }
    }
  },
  'bound headers fit into an envelope': function* ({ rules }) {
    for (const { path, hasDictionary, boundHeaders, context, topicBytes } of authenticated(rules)) {
      // Reported above.
      if (sizes.context(context) > MAX_CONTEXT_BYTES) continue
      const bytes = sizes.header({
        hasDictionary,
        boundHeaders,
        topic: 'x'.repeat(topicBytes),
        context: Object.fromEntries(context),
      })
      if (bytes <= MAX_HEADER_BYTES) continue
      const limit = `the envelope header would take ${String(bytes)} bytes with them; the limit is ${String(MAX_HEADER_BYTES)}`
      yield {
        path: `${path}.bindHeaders`,
        message: `${limit}: bind fewer headers, or headers with shorter names`,
      }
    }
  },
  'a rule requires no more than it seals': function* ({ rules }) {
    const refused = 'every record that this rule encrypts would be invalid'
    for (const { rule, path } of rules) {
      const [encrypt, decrypt] = [asRecord(rule['encrypt']), asRecord(rule['decrypt'])]
      if (rule['encrypt'] === undefined || rule['decrypt'] === undefined) continue
      const { bindKey = true, bindHeaders, context } = asRecord(decrypt['require'])
      const at = `${path}.decrypt.require`
      if (encrypt['bindKey'] === false && bindKey === true) {
        const message = `\`encrypt.bindKey\` is false: ${refused}; set \`require: { bindKey: false }\` too`
        yield { path: `${at}.bindKey`, message }
      }
      const bound = new Set(asArray(encrypt['bindHeaders']))
      const unbound = textsOf(bindHeaders).filter((name) => !bound.has(name))
      if (unbound.length > 0) {
        const message = `\`encrypt.bindHeaders\` does not have ${unbound.join(', ')}: ${refused}`
        yield { path: `${at}.bindHeaders`, message }
      }
      const given = asRecord(encrypt['context'])
      const missing = textEntries(context).filter(
        ([key, value]) => !Object.hasOwn(given, key) || given[key] !== value,
      )
      if (missing.length > 0) {
        const names = missing.map(([key]) => key).join(', ')
        const message = `\`encrypt.context\` does not have ${names} with this value: ${refused}`
        yield { path: `${at}.context`, message }
      }
    }
  },
  'plaintext is accepted on topics of the rule': function* ({ rules }) {
    const index = new TopicIndex(rules, ({ rule }) => textsOf(rule['match']))
    for (const each of rules) {
      const at = `${each.path}.decrypt.plaintext.untilOffsets`
      for (const topic of Object.keys(
        asRecord(asRecord(asRecord(each.rule['decrypt'])['plaintext'])['untilOffsets']),
      )) {
        const owner = index.find(topic)
        if (owner === each) continue
        const message = owner ? `falls under ${owner.path}` : 'is not matched by any rule'
        yield { path: child(at, topic), message: `this topic ${message}, so the entry has no effect` }
      }
    }
  },
})

/** The data that a rule authenticates with each record, or requires of each record. */
interface Authenticated {
  readonly path: string
  readonly hasDictionary: boolean
  readonly boundHeaders: readonly string[]
  readonly context: readonly (readonly [key: string, value: string])[]
  readonly topicBytes: number
}

function authenticated(rules: readonly RuleAt[]): Authenticated[] {
  return rules.flatMap(({ rule, path }) => {
    const [encrypt, decrypt] = [asRecord(rule['encrypt']), asRecord(rule['decrypt'])]
    const required = asRecord(decrypt['require'])
    const match = textsOf(rule['match'])
    const origins = [...match, ...textsOf(decrypt['originalTopics'])]
    return [
      {
        path: `${path}.encrypt`,
        hasDictionary: typeof encrypt['compression'] === 'object',
        boundHeaders: textsOf(encrypt['bindHeaders']),
        context: textEntries(encrypt['context']),
        // Every topic of the rule has to fit.
        topicBytes: match.reduce(
          (most, topic) => Math.max(most, isGlob(topic) ? TOPIC.maxBytes : topic.length),
          0,
        ),
      },
      {
        path: `${path}.decrypt.require`,
        hasDictionary: false,
        boundHeaders: textsOf(required['bindHeaders']),
        context: textEntries(required['context']),
        // At least one topic has to fit.
        topicBytes: origins.reduce(
          (least, topic) => Math.min(least, topic.replaceAll('*', '').length),
          TOPIC.maxBytes,
        ),
      },
    ]
  })
}
