import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf, type Broker } from '../scripts/broker/broker.js'
import { obtainBroker } from '../scripts/broker/obtain.js'
import { judge } from './floors.js'
import { machine } from './harness/machine.js'
import { merged, type Case, type Result } from './harness/result.js'
import { ALONE, ENGINES, type EngineName } from './parts/engines.js'
import { PARTS } from './parts/parts.js'
import { table } from './table.js'

const USAGE = `usage: npm run bench -- [--quick] [--out FILE] [PART…]

Measures kafka-envelope against plain \`node:crypto\` and plain KafkaJS (docs/performance.md), on a broker that it finds or
starts. Exits with 1 where a figure is worse than its floor in bench/floors.ts.

  --quick     in two minutes, only what the floors need
  --out FILE  where the results go; otherwise bench/results/TIME.json, and with --quick reports/bench.json
  PART        ${Object.keys(PARTS).join(', ')}. All by default, except peers, which installs
              other libraries (170 MB) in bench/peers/
`

/** What runs is compiled as the package is: tsx would make each function slower, by keeping its name. */
const COMPILED = '.cache/bench/bench/run.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const runs = (when: string | undefined): boolean => when === 'quick' || (when === 'full' && !options.quick)
const names =
  positionals.length > 0 ? positionals : Object.keys(PARTS).filter((name) => runs(PARTS[name]?.when))
if (names.some((name) => !Object.hasOwn(PARTS, name))) {
  console.error(USAGE)
  process.exit(2)
}
process.exitCode = await main().catch((error: unknown) => {
  console.error(messageOf(error))
  return 1
})

async function main(): Promise<number> {
  const facts = machine()
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.bench.json'], { stdio: 'inherit' })
  if (names.includes('peers'))
    execFileSync('npm', ['ci', '--silent', '--ignore-scripts'], { cwd: 'bench/peers', stdio: 'inherit' })
  if (!ENGINES.includes('native'))
    console.log('The native engine is not built (npm run build:native), so it is not measured.')
  const broker = names.some((name) => PARTS[name]?.needsBroker) ? await obtainBroker() : undefined
  const cases: Case[] = []
  try {
    for (const part of names)
      for (const { name, perEngine } of PARTS[part]?.runs(options) ?? [])
        for (const engine of perEngine ? ENGINES : [undefined])
          cases.push(...(await run(part, name, { broker, engine })))
  } finally {
    await broker?.stop()
  }
  const at = facts.startedAt.slice(0, 16).replaceAll(/[-:]/g, '')
  const out = resolve(options.out ?? (options.quick ? 'reports/bench.json' : `bench/results/${at}.json`))
  mkdirSync(dirname(out), { recursive: true })
  const results = merged(cases)
  writeFileSync(out, written({ machine: facts, cases: results }))
  console.log(`\nresults: ${out}`)
  const failures = judge(results)
  for (const failure of failures) console.log(`WORSE THAN ITS FLOOR: ${failure}`)
  return failures.length === 0 ? 0 : 1
}

/** A line for each case, so that two results can be compared as text. */
function written({ machine: facts, cases }: Result): string {
  const lines = cases.map((one) => `  ${JSON.stringify(one)}`)
  return `{\n "machine": ${JSON.stringify(facts)},\n "cases": [\n${lines.join(',\n')}\n ]\n}\n`
}

/** Measures in a new process, which has no memory and no compiled code of an earlier run. */
async function run(
  part: string,
  name: string,
  { broker, engine }: { broker: Broker | undefined; engine: EngineName | undefined },
): Promise<Case[]> {
  const child = fork(resolve(COMPILED), [part, name, ...(options.quick ? ['quick'] : [])], {
    execArgv: ['--expose-gc'],
    env: {
      ...process.env,
      ...(broker && { KAFKA_BROKERS: broker.brokers.join(',') }),
      ...(engine && { [ALONE]: engine }),
    },
  })
  const cases: Case[] = []
  child.on('message', (done: Case) => {
    cases.push(done)
    console.log(table(done))
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${part} ${name} ended with ${String(code)}`)
  return cases
}
