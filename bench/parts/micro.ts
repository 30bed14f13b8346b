import { openRecords, sealRecords } from '../../src/record/index.js'
import { figuresOf, roundsOf, type Case } from '../harness/result.js'
import { compare, repeated, type Rounds, type Turns } from '../harness/rounds.js'
import { addonAlone } from './addon.js'
import { closeAll, onEachEngine } from './engines.js'
import { floorOpen, floorSeal } from './floor.js'
import { KIB, MIB, checkOpened, configFor, newKms, randomValues, recordsOf, type Plan } from './setup.js'

/** Batches of 500, or of as many as make 5 MiB. */
const BATCH = 500
const MAX_BATCH_BYTES = 5 * MIB

/** Sealing and opening without Kafka, against the floor. */
export async function* micro({ quick }: Plan): AsyncGenerator<Case> {
  const sizes = quick ? [KIB, 100 * KIB] : [100, KIB, 10 * KIB, 100 * KIB, MIB]
  const rounds: Rounds = { turns: 6, ...(quick ? { rounds: 20, maxMs: 5000 } : { rounds: 30 }) }
  const encryptions = await onEachEngine(configFor(newKms()))
  for (const valueBytes of sizes) {
    const batch = Math.min(BATCH, Math.floor(MAX_BATCH_BYTES / valueBytes))
    const parameters = { valueBytes, batch }
    const values = randomValues(batch, valueBytes)
    const records = recordsOf('bench', values)
    const addon = addonAlone(batch, valueBytes)
    const sealing = await compare(
      [
        repeated('floor', batch, () => values.map(floorSeal)),
        ...addon.seal,
        ...encryptions.map(({ engine, encryption }) =>
          repeated(engine, batch, () => sealRecords(encryption, records)),
        ),
      ],
      rounds,
    )
    yield result('seal', parameters, sealing)

    const floorSealed = values.map(floorSeal)
    const sealed = await Promise.all(
      encryptions.map(async ({ engine, encryption }) => ({
        engine,
        encryption,
        records: await sealRecords(encryption, records),
      })),
    )
    const opening = await compare(
      [
        repeated('floor', batch, () => floorSealed.map(floorOpen)),
        repeated('memory', batch, () => values.map(({ length }) => Buffer.allocUnsafeSlow(length))),
        ...addon.open,
        ...sealed.map(({ engine, encryption, records: given }) =>
          repeated(engine, batch, async () => {
            checkOpened(await openRecords(encryption, given))
          }),
        ),
      ],
      rounds,
    )
    yield result('open', parameters, opening)
  }
  await closeAll(encryptions)
}

function result(name: string, parameters: Case['parameters'], turns: Turns): Case {
  return { part: 'micro', name, parameters, rounds: roundsOf(turns), figures: figuresOf(turns, ['floor']) }
}
