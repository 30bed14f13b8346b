import { pathToFileURL } from 'node:url'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { figuresOf, roundsOf, type Case } from '../harness/result.js'
import { compare, repeated, type Turns } from '../harness/rounds.js'
import { closeAll, onEachEngine } from './engines.js'
import { floorOpen, floorSeal } from './floor.js'
import { KIB, MIB, checkOpened, configFor, newKms, randomValues, recordsOf } from './setup.js'

/** Not compiled with the rest: its package is not installed with the rest. */
const PEERS = 'bench/peers/peers.mjs'

interface Peer {
  readonly name: string
  seal(value: Buffer): Promise<Buffer>
  open(sealed: Buffer): Promise<Uint8Array>
}

const ROUNDS = 20
/** Some take a millisecond for a value. */
const FEW = 20
const BATCH = 500
const MAX_BATCH_BYTES = 5 * MIB

/** Other libraries, which seal one value at a time, beside the floor and this one. */
export async function* peers(): AsyncGenerator<Case> {
  const { peers: load } = (await import(pathToFileURL(PEERS).href)) as { peers: () => Promise<Peer[]> }
  const others = await load()
  const encryptions = await onEachEngine(configFor(newKms()))
  for (const valueBytes of [100, KIB, 10 * KIB, 100 * KIB]) {
    const batch = Math.min(BATCH, Math.floor(MAX_BATCH_BYTES / valueBytes))
    const values = randomValues(batch, valueBytes)
    const few = values.slice(0, FEW)
    const records = recordsOf('bench', values)
    const result = (name: string, turns: Turns): Case => ({
      part: 'peers',
      name,
      parameters: { valueBytes },
      rounds: roundsOf(turns),
      figures: figuresOf(turns, ['floor']),
    })
    const sealing = [
      repeated('floor', batch, () => values.map(floorSeal)),
      ...encryptions.map(({ engine, encryption }) =>
        repeated(engine, batch, () => sealRecords(encryption, records)),
      ),
      ...others.map(({ name, seal }) => repeated(name, FEW, () => oneByOne(few, seal))),
    ]
    yield result('seal', await compare(sealing, { rounds: ROUNDS, turns: 3 }))

    const floorSealed = values.map(floorSeal)
    const sealed = await sealRecords(encryptions[0].encryption, records)
    const opening = [
      repeated('floor', batch, () => floorSealed.map(floorOpen)),
      ...encryptions.map(({ engine, encryption }) =>
        repeated(engine, batch, async () => {
          checkOpened(await openRecords(encryption, sealed))
        }),
      ),
      ...(await Promise.all(
        others.map(async ({ name, seal, open }) => {
          const theirs = await oneByOne(few, seal)
          await checkSealed(name, few, theirs, open)
          return repeated(name, FEW, () => oneByOne(theirs, open))
        }),
      )),
    ]
    yield result('open', await compare(opening, { rounds: ROUNDS, turns: 3 }))
  }
  await closeAll(encryptions)
}

async function oneByOne<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}

/** One of them sends plaintext if a setting is missing, and says nothing. */
async function checkSealed(
  name: string,
  values: readonly Buffer[],
  sealed: readonly Buffer[],
  open: Peer['open'],
): Promise<void> {
  const opened = await oneByOne(sealed, open)
  for (const [i, value] of values.entries()) {
    if (sealed[i]?.includes(value)) throw new Error(`${name} did not encrypt`)
    if (!value.equals(opened[i] ?? Buffer.alloc(0))) throw new Error(`${name} did not return the value`)
  }
}
