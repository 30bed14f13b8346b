import { InvalidArgumentError, Option, type Command } from 'commander'

import { systemClock } from '../clock.js'
import { readConfigFile } from '../config-file/read-file.js'
import { describeIssue, isEnvelopeError, type ConfigIssue } from '../errors.js'
import type { Load } from './estimate/dek-counts.js'
import { estimate } from './estimate/estimate.js'
import { VENDORS, type VendorName } from './estimate/kms-pricing.js'
import { warnings } from './estimate/warnings.js'
import { explain, type DictionarySummary } from './estimate/explain.js'
import { sha256 } from '../operate/sha256.js'

interface Options extends Omit<Load, 'dekStore'> {
  readonly topic: readonly string[]
  readonly kms: Readonly<Record<string, VendorName>>
  readonly env: Readonly<Record<string, string>>
  readonly dekStore?: true
  readonly json?: true
}

/** `kafka-envelope check FILE`: shows all mistakes in a configuration file, or its meaning and cost. */
export function registerCheck(program: Command): void {
  const names = Object.keys(VENDORS)
  program
    .command('check')
    .description('check a configuration file: report all mistakes, or explain what it means and costs')
    .argument('<file>')
    .option('--topic <name...>', 'show which rule applies to these topics; exit code 1 if one has none', [])
    .addOption(amount('--producers <n>', 'processes that encrypt', 1))
    .addOption(amount('--restarts-per-day <n>', 'starts of each producer per day', 1))
    .option('--dek-store', 'producers keep their DEKs across restarts')
    .addOption(amount('--readers <n>', 'processes that decrypt', 1))
    .addOption(amount('--records-per-day <n>', 'records under each rule, from all producers', 1_000_000))
    .addOption(amount('--record-bytes <n>', 'bytes of a value, after compression', 1000))
    .addOption(amount('--retention-days <n>', 'days for which topics keep records', 7))
    .option(
      '--kms <name=kind...>',
      `the kind of a KMS, ${names.join(' or ')} (default: as the file says, or recognised by the ids of its CMKs)`,
      pairs((kind) => names.includes(kind)),
      {},
    )
    .option(
      '--env <name=value...>',
      'values for ${NAME} in the file, in addition to the environment',
      pairs(),
      {},
    )
    .option('--json', 'print one JSON object instead of text')
    .action(check)
}

async function check(file: string, options: Options): Promise<void> {
  const { topic: topics, kms, env, dekStore = false, json = false, ...figures } = options
  const load: Load = { ...figures, dekStore }
  const inCode = Object.keys(kms)
  const read = await readConfigFile(file, { ...process.env, ...env }, { inCode }).catch(mistakesOf)
  if ('issues' in read) {
    process.exitCode = 1
    if (json) print({ file, mistakes: read.issues })
    else {
      process.stderr.write(`${report(file, read.issues).join('\n')}\n`)
    }
    return
  }
  const { policy } = read
  const dictionaries = await summaries(read.dictionaries)
  const estimated = estimate(policy, load, topics, kms)
  const found = warnings(policy, load, estimated)
  const stray = estimated.topics.filter(({ rule }) => rule === undefined).map(({ topic }) => topic)
  if (stray.length > 0) process.exitCode = 1
  if (json) {
    const named = estimated.topics.map(({ topic, rule }) => ({ topic, rule: rule?.name ?? null }))
    const rules = estimated.rules.map(({ rule, ...rest }) => ({ rule: rule.name, ...rest }))
    print({
      file,
      mistakes: [],
      load,
      topics: named,
      rules,
      dictionaries,
      overrides: policy.overrides.map(({ untilMs: _, ...override }) => override),
      kmses: estimated.kmses,
      warnings: found,
    })
    return
  }
  process.stdout.write(
    explain(file, { policy, load, dictionaries, estimated, found, nowMs: systemClock.wallMs() }),
  )
  if (stray.length > 0) process.stderr.write(`no rule matches: ${stray.join(', ')}\n`)
}

function summaries(dictionaries: ReadonlyMap<string, Buffer>): Promise<DictionarySummary[]> {
  return Promise.all(
    [...dictionaries].map(async ([name, bytes]) => ({
      name,
      bytes: bytes.length,
      sha256: await sha256(bytes),
    })),
  )
}

function report(file: string, issues: readonly ConfigIssue[]): string[] {
  // If the file cannot be read, there is nothing else to report.
  if (issues.every(({ path }) => path === file)) return issues.map(describeIssue)
  const count = issues.length === 1 ? '1 mistake' : `${String(issues.length)} mistakes`
  return [`${file}: ${count}`, ...issues.map((issue) => `  ${describeIssue(issue)}`)]
}

function mistakesOf(error: unknown): { readonly issues: readonly ConfigIssue[] } {
  if (isEnvelopeError(error) && error.code === 'CONFIG_INVALID') return error
  throw error
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function amount(flags: string, description: string, byDefault: number): Option {
  return new Option(flags, description).default(byDefault).argParser((text) => {
    if (!/^[0-9]{1,15}(\.[0-9]{1,6})?$/.test(text)) throw new InvalidArgumentError('Expected a number.')
    return Number(text)
  })
}

function pairs(
  accepts: (value: string) => boolean = () => true,
): (text: string, before: Readonly<Record<string, string>>) => Readonly<Record<string, string>> {
  return (text, before) => {
    const at = text.indexOf('=')
    if (at < 1 || !accepts(text.slice(at + 1))) throw new InvalidArgumentError('Expected NAME=VALUE.')
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
  }
}
