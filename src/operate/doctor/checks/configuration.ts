import { cacheWarnings, ruleWarnings } from '../../../config/warnings.js'
import type { CheckedConfig } from '../../../config/checked.js'
import { timeSpan } from '../../../units.js'
import type { Facts } from '../facts/facts.js'
import { fine, found, unchecked, type Outcome } from '../finding.js'

/** From then on, one leaked DEK opens more than a month of records. */
const LONG_AGE_MS = 31 * 86_400_000

/** The mistakes in the configuration; if there are none, what is valid and probably not intended. */
export function* configuration({ config, nowMs }: Facts): Iterable<Outcome> {
  if ('issues' in config) {
    for (const { path, message, line, column } of config.issues) {
      const at = line === undefined ? '' : ` (line ${String(line)}, column ${String(column)})`
      const remedy = 'Correct it; until then no process starts with this configuration'
      yield found('config-invalid', { subject: `${path}${at}`, what: message, remedy })
    }
    return
  }
  const { checked } = config
  const { rules } = checked
  yield fine(
    'configuration',
    `no mistakes; ${rules.length === 1 ? '1 rule' : `${String(rules.length)} rules`}`,
  )
  const warnings = rules.flatMap((rule, i) => [...ruleWarnings(rule, `topics[${String(i)}]`, checked)])
  for (const { id, path, what, remedy } of [...warnings, ...cacheWarnings(checked)]) {
    yield found(id, { subject: path, what, remedy })
  }
  yield* rotation(checked)
  yield* overrides(checked, nowMs)
}

function* rotation({ rules }: CheckedConfig): Iterable<Outcome> {
  for (const [i, { name, encrypt }] of rules.entries()) {
    if (encrypt === undefined) continue
    const { maxAgeMs } = encrypt.rotate
    const age = timeSpan(maxAgeMs)
    if (maxAgeMs > LONG_AGE_MS) {
      yield found('dek-age-long', {
        subject: `topics[${String(i)}].encrypt.rotate.maxAge`,
        what: `one DEK seals for up to ${age}, so a leak of it opens as much, and a rotated CMK takes effect as late`,
        remedy: 'shorten it, unless that is intended',
      })
    } else yield fine('configuration', `rule ${name}: a new DEK, and so a rotated CMK, within ${age}`)
  }
  if (rules.some(({ encrypt }) => encrypt !== undefined)) {
    yield unchecked('KMS', 'when the KMS rotates its CMKs: to ask would take a right that no rule needs')
  }
}

function* overrides(checked: CheckedConfig, nowMs: number): Iterable<Outcome> {
  for (const [i, override] of checked.overrides.entries()) {
    const { topic, partition, offset, code, until, untilMs, by } = override
    const record = `the record ${topic}:${String(partition)}:${offset}`
    const subject = `overrides[${String(i)}]`
    yield untilMs <= nowMs
      ? found('override-expired', {
          subject,
          what: `it has had no effect since ${until}, and was for ${record}`,
          remedy: 'Remove it',
        })
      : found('override-active', {
          subject,
          what: `${record} may pass with ${code} until ${until}, as ${by} said`,
          remedy: 'Remove it once every consumer is past the record',
        })
  }
}
