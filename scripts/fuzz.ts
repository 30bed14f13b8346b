import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { coverage, fuzz } from './fuzz/jazzer.js'
import { fuzzingNode } from './fuzz/node.js'
import { DEFAULT_SEED, FOLDER, TARGETS, type Target } from './fuzz/plan.js'
import { writeSeeds } from './fuzz/seeds.js'

const USAGE = `usage: npm run fuzz -- [--long] [--runs N] [--seed N] [--coverage] [TARGET…]
       npm run fuzz -- --input FILE TARGET

Fuzzes decoder, opener and compression (docs/fuzzing.md), or those that are named. Exit code 1 where
something was found; ${FOLDER}/findings.md then says what, and how to see it again.

  --long        ten million inputs instead of the short form's
  --runs N      inputs for each target
  --seed N      another seed of the fuzzer's randomness
  --coverage    then tells which lines and branches the inputs reach
  --input FILE  gives one input to one target, without a fuzzer
`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    runs: { type: 'string' },
    seed: { type: 'string', default: String(DEFAULT_SEED) },
    coverage: { type: 'boolean', default: false },
    input: { type: 'string' },
  },
})
const targets = positionals.length === 0 ? TARGETS : TARGETS.filter(({ name }) => positionals.includes(name))
const [first] = targets
if (
  first === undefined ||
  targets.length < positionals.length ||
  [options.runs ?? '1', options.seed].some((number) => !/^[1-9]\d{0,8}$/.test(number)) ||
  (options.input !== undefined && targets.length > 1)
) {
  console.error(USAGE)
  process.exit(2)
}

const compiled = `${FOLDER}/js`
rmSync(compiled, { recursive: true, force: true })
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.fuzz.json'], { stdio: 'inherit' })
writeFileSync(`${compiled}/package.json`, '{ "type": "commonjs" }\n')

if (options.input === undefined) await fuzzAll(targets)
else await tryInput(first, options.input)

async function fuzzAll(all: readonly Target[]): Promise<void> {
  const node = fuzzingNode(`${FOLDER}/libc`)
  const findings = `${FOLDER}/findings`
  const report = `${FOLDER}/findings.md`
  for (const path of [findings, report]) rmSync(path, { recursive: true, force: true })
  mkdirSync(findings, { recursive: true })
  for (const target of all) {
    const { name, runs } = target
    const [seeds, corpus, log] = ['seeds', 'corpus', 'log'].map((kind) => `${FOLDER}/${kind}/${name}`) as [
      string,
      string,
      string,
    ]
    const count = writeSeeds(target, seeds)
    rmSync(corpus, { recursive: true, force: true })
    for (const folder of [corpus, `${FOLDER}/log`]) mkdirSync(folder, { recursive: true })
    const seed = Number(options.seed)
    const wanted = Number(options.runs ?? (options.long ? runs.long : runs.short))
    const run = { node, compiled, seeds, corpus, findings, log, runs: wanted, seed }
    const outcome = await fuzz(target, run)
    const { finding } = outcome
    console.log(
      finding === undefined
        ? `${name}: ${String(outcome.inputs)} inputs from ${String(count)} seeds in ${String(outcome.seconds)} s, seed ${String(seed)}, ` +
            `${String(outcome.edges)} edges, ${String(outcome.features)} features, corpus of ${String(outcome.corpus)}, ` +
            `${String(outcome.peakRssMib)} MiB at most: nothing found`
        : `${name}: FOUND SOMETHING${Number.isNaN(outcome.inputs) ? '' : ` after ${String(outcome.inputs)} inputs`} from ${String(count)} seeds, seed ${String(seed)}`,
    )
    if (options.coverage) console.log(await coverage(target, run))
    if (finding === undefined) continue
    process.exitCode = 1
    const again = finding.file && `npm run fuzz -- --input ${finding.file} ${name}`
    console.log(`${finding.text}\n${again === undefined ? `See ${log}.` : `To see it again: ${again}`}`)
    appendFileSync(
      report,
      `## ${name}\n\nTo see it again: \`${again ?? `npm run fuzz -- --runs ${String(wanted)} --seed ${String(seed)} ${name}`}\`\n\n` +
        `\`\`\`\n${finding.text}\n\`\`\`\n`,
    )
  }
}

async function tryInput({ name }: Target, file: string): Promise<void> {
  const module = createRequire(import.meta.url)(resolve(compiled, `scripts/fuzz/targets/${name}.js`)) as {
    fuzz: (input: Buffer) => void | Promise<void>
  }
  await module.fuzz(readFileSync(file))
  console.log(`${name}: nothing found`)
}
