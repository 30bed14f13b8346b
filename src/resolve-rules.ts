import type { Clock } from './clock.js'
import type { CheckedConfig, CheckedRule } from './config/checked.js'
import { configError } from './errors.js'
import { CmkSet } from './kms/cmk-set.js'
import { Cmk } from './kms/cmk.js'
import type { Kms } from './kms/kms.js'
import type { NamedKmses } from './kms/sides.js'
import type { Side } from './kms/side.js'
import type { Dictionaries } from './record/dictionaries.js'
import { Overrides } from './record/overrides.js'
import type { ReadingRule, ResolvedRule } from './record/topic-rules.js'
import { TopicIndex } from './policy/topics.js'

/** A configuration with its CMKs, as the KMS services describe them. */
export interface Resolved {
  readonly rules: readonly ResolvedRule[]
  /** All CMKs of the configuration, by their names in it. */
  readonly cmks: CmkLists
}

/** The CMKs of each entry of `cmks`, with the share of calls for sealing. Checked: no list is empty. */
type CmkLists = ReadonlyMap<string, readonly [Cmk, ...Cmk[]]>

/**
 * The rules of a configuration with their CMKs, as the KMS services describe them.
 * @throws EnvelopeError CONFIG_INVALID if two CMKs look alike in an envelope; or the error of `Kms.describe`
 */
export async function resolveRules(
  config: CheckedConfig,
  kmses: Readonly<Record<Side, NamedKmses>>,
  dictionaries: Dictionaries,
  clock: Clock,
  signal: AbortSignal,
): Promise<Resolved> {
  const cmks = await describeCmks(config, kmses.sealing, clock, signal)
  const index = new TopicIndex(config.rules, ({ match }) => match)
  const overridesOf = (rule: CheckedRule): Overrides =>
    new Overrides(
      config.overrides.filter(({ topic }) => index.find(topic) === rule),
      rule.name,
      clock,
    )
  const rules = config.rules.map((rule) =>
    resolved(rule, cmks, kmses.opening, { dictionaries, overrides: overridesOf(rule) }),
  )
  return { rules, cmks }
}

/** The same CMKs with the share of calls for opening. */
export function toOpen(cmks: readonly Cmk[], openingKmses: NamedKmses): [Cmk, ...Cmk[]] {
  return cmks.map((cmk) => cmk.by(openingKmses[cmk.kmsName] as Kms)) as [Cmk, ...Cmk[]]
}

async function describeCmks(
  { cmks, rules }: CheckedConfig,
  kmses: NamedKmses,
  clock: Clock,
  signal: AbortSignal,
): Promise<CmkLists> {
  // One object per CMK, however many lists name it, so that all of them know of its outages.
  const made = new Map<string, Promise<Cmk>>()
  const describe = (kmsName: string, id: string): Promise<Cmk> => {
    const name = JSON.stringify([kmsName, id])
    const cmk = made.get(name) ?? Cmk.describe({ kmsName, kms: kmses[kmsName] as Kms, id, clock }, signal)
    made.set(name, cmk)
    return cmk
  }
  const described = await Promise.all(
    Object.entries(cmks).map(async ([name, refs]): Promise<[string, [Cmk, ...Cmk[]]]> => [
      name,
      (await Promise.all(refs.map(({ kms, id }) => describe(kms, id)))) as [Cmk, ...Cmk[]],
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

/** CMKs of two KMS services can look alike in an envelope, but a wrapping must identify exactly one. */
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

function resolved(
  rule: CheckedRule,
  cmks: CmkLists,
  openingKmses: NamedKmses,
  { dictionaries, overrides }: Pick<ReadingRule, 'dictionaries' | 'overrides'>,
): ResolvedRule {
  const { name, match, passthrough, encrypt, decrypt } = rule
  const named = (list: string): readonly [Cmk, ...Cmk[]] => cmks.get(list) as readonly [Cmk, ...Cmk[]]
  return {
    name,
    match,
    passthrough,
    sealing: encrypt && { name, encrypt, cmks: CmkSet.forSealing(named(encrypt.cmk)) },
    compression: encrypt && dictionaries.compressionOf(encrypt),
    reading: decrypt && {
      name,
      decrypt,
      dictionaries,
      overrides,
      cmks: CmkSet.forOpening(toOpen(decrypt.cmks.flatMap(named), openingKmses)),
    },
  }
}

/**
 * Proves that a rule can use its CMKs.
 * @throws EnvelopeError the failure of the KMS
 */
export async function verifyRule({ sealing, reading }: ResolvedRule, signal: AbortSignal): Promise<void> {
  if (sealing) {
    const { provisionedDek, context, sealUnder } = sealing.encrypt
    if (provisionedDek === undefined) await sealing.cmks.verify('wrap', sealUnder, context, signal)
    else await sealing.cmks.verify('unwrap', 'any', context, signal)
  }
  // Records that a rule seals have the context of its `encrypt`; for records sealed elsewhere, only `require` is known.
  const context = sealing?.encrypt.context ?? reading?.decrypt.require.context
  if (reading && context) await reading.cmks.verify('unwrap', 'any', context, signal)
}
