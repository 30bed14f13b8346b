import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, type Broker } from '../../scripts/broker/broker.js'
import { faultsIn, type Accounts } from './accounts.js'
import { startBreakable } from './broker.js'
import { coordinatorReady } from './coordinator.js'
import { countInLogs } from './plaintext.js'
import { randomOf } from './random.js'
import { CANARY, KEY } from './record.js'
import type { Schedule } from './schedule.js'
import { Stage } from './stage.js'

/** How a schedule ended. */
export interface Outcome {
  readonly name: string
  readonly what: string
  /** Empty if it passed. */
  readonly faults: readonly string[]
  readonly seconds: number
  /** It failed before its end, so that records were not delivered yet. Nothing says that they are lost. */
  readonly endedEarly?: true
  readonly accounts: Accounts
  /** How often the canary was found in the broker's log folders, and in what processes printed and told. */
  readonly plaintexts: number
  readonly mayDouble: NonNullable<Schedule['mayDouble']>
  readonly figures: Readonly<Record<string, number>>
  readonly series: Stage['series']
}

export interface Run {
  readonly broker: Broker
  readonly seed: number
  readonly isLong: boolean
  readonly folder: string
}

/** Runs a schedule, and accounts for every record. */
export async function runSchedule(schedule: Schedule, run: Run): Promise<Outcome> {
  const { name, what, mayDouble = {} } = schedule
  const { broker, seed, isLong } = run
  const folder = join(run.folder, name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const breakable = schedule.breaksBroker === true ? await startBreakable() : undefined
  if (breakable !== undefined) await coordinatorReady(breakable)
  const { brokers, dataFolder } = breakable ?? broker
  const stage = new Stage({ name, brokers, breakable, folder, random: randomOf(seed, name), isLong })
  const faults: string[] = []
  let endedEarly = false
  const started = performance.now()
  try {
    await schedule.run(stage)
  } catch (error) {
    faults.push(messageOf(error))
    endedEarly = true
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10
  const { children } = stage
  for (const child of children)
    if (child.hasCrashed) faults.push(`${child.name} ended by itself: ${child.printed.slice(-2000)}`)
  await stage.close()
  const accounts = stage.accounts()
  const found = faultsIn(accounts, mayDouble)
  faults.push(...(endedEarly ? found.filter((fault) => !fault.startsWith('lost')) : found))
  let plaintexts = 0
  try {
    plaintexts = await plaintextsOf(stage, dataFolder)
  } catch (error) {
    faults.push(`plaintext was not searched for: ${messageOf(error)}`)
  }
  await breakable?.stop()
  if (plaintexts > 0) faults.push(`plaintexts found: ${String(plaintexts)}`)
  // What a person needs who looks for the cause.
  if (faults.length > 0) {
    for (const { name: child, told, printed } of children)
      await writeFile(
        join(folder, `${child}.log`),
        [...told.map((one) => JSON.stringify(one)), printed].join('\n'),
      )
  }
  return {
    name,
    what,
    faults,
    seconds,
    ...(endedEarly ? { endedEarly } : {}),
    accounts,
    plaintexts,
    mayDouble,
    figures: stage.figures,
    series: stage.series,
  }
}

/** Counts canaries in the broker's logs, and in what processes printed and told. */
async function plaintextsOf({ topics, children }: Stage, dataFolder: string | undefined): Promise<number> {
  if (dataFolder === undefined) throw new Error('the broker keeps its logs elsewhere')
  const inLogs = (text: string): Promise<number> => countInLogs(text, { dataFolder, topics })
  // Keys are not encrypted: where none is found, records are elsewhere.
  if ((await inLogs(KEY)) === 0) throw new Error('the logs have no record')
  const emitted = children.map(({ told, printed }) => printed + JSON.stringify(told)).join('\n')
  return (await inLogs(CANARY)) + emitted.split(CANARY).length - 1
}
