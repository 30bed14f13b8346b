import { openRecords, sealRecords } from '../../src/record/index.js'
import { figureOver, type Figure } from '../harness/result.js'
import { WARM_UP_ROUNDS, shuffled } from '../harness/rounds.js'
import { watchStretches } from '../harness/watch.js'
import { closeAll, onEachEngine, type OnEngine } from './engines.js'
import { reading, sending } from './large-batch-kafka.js'
import { KIB, checkOpened, configFor, newKms, randomValues, recordsOf, type Plan, type Run } from './setup.js'

const BATCH = 50_000
/** Different values; the batch repeats them. */
const VALUES = 500

/** Whether a batch of 50,000 records lets the event loop do anything else meanwhile. */
export function largeBatch({ quick }: Plan): Run[] {
  const rounds = quick ? 3 : 5
  return [
    run('sealRecords', rounds, sealing),
    run('openRecords', rounds, opening),
    ...(quick ? [] : [run('send', 1, sending), run('eachBatch', rounds, reading)]),
  ]
}

type Engines = readonly [OnEngine, ...OnEngine[]]

function run(
  name: string,
  rounds: number,
  figuresOf: (engines: Engines, values: readonly Buffer[], rounds: number) => Promise<Figure[]>,
): Run {
  return {
    name,
    async measure() {
      const encryptions = await onEachEngine(configFor(newKms()))
      const values = randomValues(VALUES, KIB)
      const batch = Array.from({ length: BATCH / VALUES }, () => values).flat()
      const figures = await figuresOf(encryptions, batch, rounds)
      await closeAll(encryptions)
      return [{ part: 'largeBatch', name, parameters: { valueBytes: KIB, batch: BATCH }, rounds, figures }]
    },
  }
}

function sealing(encryptions: Engines, values: readonly Buffer[], rounds: number): Promise<Figure[]> {
  const records = recordsOf('bench', values)
  return blocks(encryptions, rounds, ({ encryption }) => sealRecords(encryption, records))
}

async function opening(encryptions: Engines, values: readonly Buffer[], rounds: number): Promise<Figure[]> {
  const sealed = await sealRecords(encryptions[0].encryption, recordsOf('bench', values))
  return blocks(encryptions, rounds, async ({ encryption }) => {
    checkOpened(await openRecords(encryption, sealed))
  })
}

/** The longest stretch for which the event loop was busy, in each round. */
async function blocks(
  encryptions: readonly OnEngine[],
  rounds: number,
  work: (on: OnEngine) => Promise<unknown>,
): Promise<Figure[]> {
  const stretches = new Map<OnEngine, number[]>(encryptions.map((on) => [on, []]))
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [on, ofEngine] of shuffled([...stretches])) {
      const longest = watchStretches()
      await work(on)
      const stretch = longest()
      if (round >= 0) ofEngine.push(stretch)
    }
  }
  return [...stretches].map(([{ engine }, ofEngine]) =>
    figureOver(engine, 'longestBlockMilliseconds', ofEngine),
  )
}
