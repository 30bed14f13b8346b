import { openRecords, sealRecords } from '../../src/record/index.js'
import { figuresOf, roundsOf } from '../harness/result.js'
import { compare, repeated, type Contender, type Rounds } from '../harness/rounds.js'
import { addonAlone } from './addon.js'
import { closeAll, onEachEngine, type OnEngine } from './engines.js'
import { floorOpen, floorSeal } from './floor.js'
import {
  KIB,
  MIB,
  checkOpened,
  configFor,
  newKms,
  randomValues,
  recordsOf,
  type Plan,
  type Run,
} from './setup.js'

/** Batches of 500, or of as many as make 5 MiB. */
const BATCH = 500
const MAX_BATCH_BYTES = 5 * MIB

/** Sealing and opening without Kafka, against the floor. */
export function micro({ quick }: Plan): Run[] {
  const sizes = quick ? [KIB, 100 * KIB] : [100, KIB, 10 * KIB, 100 * KIB, MIB]
  const rounds: Rounds = { turns: 6, ...(quick ? { rounds: 20, maxMs: 3000 } : { rounds: 30 }) }
  return sizes.flatMap((valueBytes) =>
    Object.entries(CONTENDERS).map(([name, contendersOf]) => ({
      name: `${name}-${String(valueBytes)}`,
      perEngine: true,
      async measure() {
        const batch = Math.min(BATCH, Math.floor(MAX_BATCH_BYTES / valueBytes))
        const encryptions = await onEachEngine(configFor(newKms()))
        const contenders = await contendersOf(encryptions, randomValues(batch, valueBytes))
        const turns = await compare(contenders, rounds)
        await closeAll(encryptions)
        const figures = figuresOf(turns, ['floor'])
        return [{ part: 'micro', name, parameters: { valueBytes, batch }, rounds: roundsOf(turns), figures }]
      },
    })),
  )
}

const CONTENDERS = { seal: sealing, open: opening }

function sealing(encryptions: readonly OnEngine[], values: readonly Buffer[]): Contender[] {
  const records = recordsOf('bench', values)
  return [
    repeated('floor', values.length, () => values.map(floorSeal)),
    ...addonAlone(values.length, values[0]?.length ?? 0).seal,
    ...encryptions.map(({ engine, encryption }) =>
      repeated(engine, values.length, () => sealRecords(encryption, records)),
    ),
  ]
}

async function opening(encryptions: readonly OnEngine[], values: readonly Buffer[]): Promise<Contender[]> {
  const records = recordsOf('bench', values)
  const floorSealed = values.map(floorSeal)
  const engines = encryptions.map(async ({ engine, encryption }) => {
    const sealed = await sealRecords(encryption, records)
    return repeated(engine, values.length, async () => {
      checkOpened(await openRecords(encryption, sealed))
    })
  })
  return [
    repeated('floor', values.length, () => floorSealed.map(floorOpen)),
    repeated('memory', values.length, () => values.map(({ length }) => Buffer.allocUnsafeSlow(length))),
    ...addonAlone(values.length, values[0]?.length ?? 0).open,
    ...(await Promise.all(engines)),
  ]
}
