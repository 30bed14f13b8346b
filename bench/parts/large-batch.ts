import { openRecords, sealRecords } from '../../src/record/index.js'
import { figureOver, type Case, type Figure } from '../harness/result.js'
import { watchStretches } from '../harness/watch.js'
import { closeAll, onEachEngine, type OnEngine } from './engines.js'
import { largeBatchOverKafka } from './large-batch-kafka.js'
import { KIB, checkOpened, configFor, newKms, randomValues, recordsOf, type Plan } from './setup.js'

const BATCH = 50_000
/** Different values; the batch repeats them. */
const VALUES = 500

/** Whether a batch of 50,000 records lets the event loop do anything else meanwhile. */
export async function* largeBatch({ quick }: Plan): AsyncGenerator<Case> {
  const rounds = quick ? 3 : 5
  const encryptions = await onEachEngine(configFor(newKms()))
  const values = randomValues(VALUES, KIB)
  const batch = Array.from({ length: BATCH / VALUES }, () => values).flat()
  const about = { part: 'largeBatch', parameters: { valueBytes: KIB, batch: BATCH }, rounds }
  const records = recordsOf('bench', batch)
  const sealing = await blocks(encryptions, rounds, ({ encryption }) => sealRecords(encryption, records))
  yield { ...about, name: 'sealRecords', figures: sealing }

  const sealed = await sealRecords(encryptions[0].encryption, records)
  const opening = await blocks(encryptions, rounds, async ({ encryption }) => {
    checkOpened(await openRecords(encryption, sealed))
  })
  yield { ...about, name: 'openRecords', figures: opening }
  if (!quick) yield* largeBatchOverKafka(encryptions, batch, about)
  await closeAll(encryptions)
}

/** The longest stretch for which the event loop was busy, in each round; the first round is the warm-up. */
async function blocks(
  encryptions: readonly OnEngine[],
  rounds: number,
  work: (on: OnEngine) => Promise<unknown>,
): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const on of encryptions) {
    const stretches: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const longest = watchStretches()
      await work(on)
      stretches.push(longest())
    }
    figures.push(figureOver(on.engine, 'longestBlockMilliseconds', stretches.slice(1)))
  }
  return figures
}
