import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../bench/harness/machine.js'
import { messageOf, type Broker } from '../scripts/broker/broker.js'
import { obtainBroker } from '../scripts/broker/obtain.js'
import { startJvm } from '../scripts/broker/jvm.js'
import { compilePrograms } from './harness/child.js'
import { coordinatorReady } from './harness/coordinator.js'
import { reportOf, type Report } from './harness/report.js'
import { runSchedule, type Outcome } from './harness/run.js'
import type { Schedule } from './harness/schedule.js'
import { allSchedules } from './schedules.js'

const USAGE = `usage: npm run faults -- [--long] [--seed N] [--only NAME]… [--jobs N] [--report FILE]

Breaks what kafka-envelope depends on, under load, and accounts for every record (docs/faults.md). It starts its broker,
on Java 17 or later. Exits with 1 if a record was lost, came twice, out of order or unauthenticated, if plaintext was
found, or if something did not behave as promised.

  --long         the numbers of docs/faults.md, in 25 minutes instead of four
  --seed N       repeats a run: the seed is in its first line
  --only NAME    one schedule, or several; NAME may end with *
  --jobs N       schedules that run at the same time; default 4
  --report FILE  where the results go
`

const FOLDER = '.cache/faults'
const MAX_SEED = 2 ** 31

const { values: options } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(randomInt(1, MAX_SEED)) },
    only: { type: 'string', multiple: true },
    jobs: { type: 'string', default: '4' },
    report: { type: 'string' },
  },
})
const seed = Number(options.seed)
const chosen = (await allSchedules()).filter(({ name, isLong }) =>
  options.only === undefined
    ? options.long || isLong !== true
    : options.only.some((only) => (only.endsWith('*') ? name.startsWith(only.slice(0, -1)) : name === only)),
)
if (chosen.length === 0 || ![options.seed, options.jobs].every((number) => /^[1-9]\d{0,9}$/.test(number))) {
  console.error(USAGE)
  process.exit(2)
}
process.exitCode = await main().catch((error: unknown) => {
  console.error(messageOf(error))
  return 1
})

async function main(): Promise<number> {
  const facts = machine()
  console.log(`faults: seed ${String(seed)}, ${options.long ? 'long' : 'short'} form`)
  compilePrograms()
  const broker = await obtainBroker(
    {},
    { jvm: { remedy: 'install Java 17 or later, and Maven', start: startJvm } },
  )
  const outcomes: Outcome[] = []
  try {
    await coordinatorReady(broker)
    // What takes longest begins first.
    const queue = chosen.toSorted((a, b) => Number(b.isLong ?? false) - Number(a.isLong ?? false)).values()
    // One iterator for all, so that each takes what comes next.
    await Promise.all(
      Array.from({ length: Number(options.jobs) }, async () => {
        for (const schedule of queue) {
          outcomes.push(await run(schedule, broker))
          // Each time, so that a run that is killed leaves what it found.
          write(reportOf({ machine: facts, seed, isLong: options.long, outcomes }))
        }
      }),
    )
  } finally {
    await broker.stop()
  }
  const report = reportOf({ machine: facts, seed, isLong: options.long, outcomes })
  const { numPassedTests: passed, numFailedTests: failed } = report
  console.log(`faults: ${String(passed)} passed, ${String(failed)} failed, seed ${String(seed)}`)
  return failed > 0 ? 1 : 0
}

function write(report: Report): void {
  if (options.report === undefined) return
  const path = resolve(options.report)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(report, undefined, 1)}\n`)
}

async function run(schedule: Schedule, broker: Broker): Promise<Outcome> {
  const outcome = await runSchedule(schedule, { broker, seed, isLong: options.long, folder: FOLDER })
  const { name, faults, seconds, accounts } = outcome
  const figures = Object.entries(outcome.figures).map(([figure, value]) => `, ${figure} ${String(value)}`)
  console.log(
    `${faults.length === 0 ? 'passed' : 'FAILED'} ${name}: ${String(accounts.acknowledged)} acknowledged, ` +
      `${String(accounts.delivered)} delivered${figures.join('')}, ${String(seconds)} s`,
  )
  for (const fault of faults) console.log(`  ${fault}`)
  if (faults.length > 0) {
    const form = options.long ? ' --long' : ''
    console.log(`  To see it again: npm run faults --${form} --seed ${String(seed)} --only ${name}`)
    console.log(`  What its processes wrote down: ${FOLDER}/${name}/`)
  }
  return outcome
}
