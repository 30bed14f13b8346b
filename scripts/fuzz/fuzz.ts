import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  DEFAULT_SEED,
  FOLDER,
  INSTRUMENTED,
  MAX_INPUT_MS,
  MAX_RSS_MIB,
  TARGETS,
  type Target,
} from '../../test/fuzz/plan.js'
import { writeSeeds } from '../../test/fuzz/seeds.js'
import { sideBySide, succeeds } from '../side-by-side.js'

const USAGE = `usage: npm run fuzz -- [--long] [--runs N] [--seed N] [--coverage] [TARGET…]
       npm run fuzz -- --input FILE TARGET

Fuzzes all targets, or the named ones (docs/fuzzing.md). Exits with 1 if a target found something, and then says what,
and how to see it again.

  --long        ten million inputs instead of the short form's
  --runs N      inputs for each target
  --seed N      another seed of the fuzzer's randomness
  --coverage    also shows which lines and branches the inputs reach
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
if (
  targets.length < Math.max(positionals.length, 1) ||
  [options.runs ?? '1', options.seed].some((number) => !/^[1-9]\d{0,8}$/.test(number)) ||
  (options.input !== undefined && targets.length > 1)
) {
  console.error(USAGE)
  process.exit(2)
}

const compiled = resolve(FOLDER, 'js')
rmSync(compiled, { recursive: true, force: true })
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.fuzz.json'], { stdio: 'inherit' })
writeFileSync(`${compiled}/package.json`, '{ "type": "commonjs" }\n')

const [first] = targets
if (options.input === undefined) {
  const node = nodeForAddon()
  if (!(await sideBySide(targets, (target) => fuzz(target, node)))) process.exitCode = 1
} else if (first !== undefined) {
  const module = createRequire(import.meta.url)(entry(first)) as { fuzz(input: Buffer): void | Promise<void> }
  await module.fuzz(readFileSync(options.input))
  console.log(`${first.name}: nothing found`)
}

/** Fuzzes one target to its end; returns false if it found something. */
async function fuzz(target: Target, node: readonly string[]): Promise<boolean> {
  const { name, maxLength } = target
  const runs = options.runs ?? String(options.long ? target.runs.long : target.runs.short)
  const [seeds, corpus, findings] = ['seeds', 'corpus', 'findings'].map((kind) => {
    const folder = `${FOLDER}/${kind}/${name}`
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    return folder
  }) as [string, string, string]
  const from = `${String(writeSeeds(target, seeds))} seeds`
  const command = [
    ...node,
    fileURLToPath(import.meta.resolve('@jazzer.js/core/dist/cli.js')),
    ...[entry(target), corpus, seeds],
    ...INSTRUMENTED.flatMap((folder) => ['-i', `${compiled}/${folder}/`]),
    ...['-e', 'node_modules'],
    // These detectors look for calls that this library does not make.
    ...['--disableBugDetectors', '.*'],
    ...['--timeout', String(MAX_INPUT_MS)],
    ...(target.sync ? ['--sync'] : []),
  ]
  const log = `${FOLDER}/${name}.log`
  rmSync(log, { force: true })
  const limits = [`-max_len=${String(maxLength)}`, `-rss_limit_mb=${String(MAX_RSS_MIB)}`]
  const engine = [`-runs=${runs}`, `-seed=${options.seed}`, ...limits, `-artifact_prefix=${findings}/`]
  const succeeded = await succeeds([...command, '--', ...engine], log)
  if (options.coverage) {
    const report = `${FOLDER}/${name}-coverage.log`
    rmSync(report, { force: true })
    const reporter = ['--coverage', '--coverageReporters', 'text', '--coverageDirectory', corpus]
    await succeeds([...command, '--mode', 'regression', ...reporter], report)
    console.log(readFileSync(report, 'utf8').replace(/^[^]*?(?=-----)/, ''))
  }
  const said = readFileSync(log, 'utf8')
  // A target that never settles would end the process early, and with 0.
  const done = /^Done (\d+) runs in .*/m.exec(said)
  const [found] = readdirSync(findings)
  if (succeeded && found === undefined && Number(done?.[1]) >= Number(runs)) {
    console.log(`${name}: ${done?.[0] ?? ''} from ${from}, seed ${options.seed}: nothing found`)
    return true
  }
  console.log(`${name}: FOUND SOMETHING from ${from}, seed ${options.seed}\n${said.slice(-4000)}`)
  if (found === undefined)
    console.log(`To see it again: npm run fuzz -- --runs ${runs} --seed ${options.seed} ${name}`)
  else console.log(`To see it again: npm run fuzz -- --input ${findings}/${found} ${name}`)
  return false
}

function entry({ name }: Target): string {
  return `${compiled}/test/fuzz/targets/${name}.js`
}

/** The command that runs Node.js so that the addon of Jazzer.js loads. */
function nodeForAddon(): readonly string[] {
  const own = [process.execPath]
  const onNewerLibrary = ['bash', 'scripts/fuzz/newer-libc.sh', ...own]
  const loads = ([program = '', ...args]: readonly string[]): boolean =>
    spawnSync(program, [...args, '-e', "require('@jazzer.js/fuzzer')"]).status === 0
  const node = [own, onNewerLibrary].find(loads)
  if (node === undefined)
    throw new Error('Jazzer.js does not load: it needs glibc 2.38 or Debian, macOS, or Windows')
  return node
}
