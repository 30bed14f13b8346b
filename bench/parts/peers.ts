import { pathToFileURL } from 'node:url'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { figuresOf, roundsOf } from '../harness/result.js'
import { compare, repeated, type Contender } from '../harness/rounds.js'
import { closeAll, onEachEngine, type OnEngine } from './engines.js'
import { floorOpen, floorSeal } from './floor.js'
import { KIB, MIB, checkOpened, configFor, newKms, randomValues, recordsOf, type Run } from './setup.js'

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
export function peers(): Run[] {
  return [100, KIB, 10 * KIB, 100 * KIB].flatMap((valueBytes) =>
    Object.entries(CONTENDERS).map(([name, contendersOf]) => ({
      name: `${name}-${String(valueBytes)}`,
      async measure() {
        const { peers: load } = (await import(pathToFileURL(PEERS).href)) as { peers: () => Promise<Peer[]> }
        const others = await load()
        const encryptions = await onEachEngine(configFor(newKms()))
        const values = randomValues(Math.min(BATCH, Math.floor(MAX_BATCH_BYTES / valueBytes)), valueBytes)
        const contenders = await contendersOf(encryptions, others, values)
        const turns = await compare(contenders, { rounds: ROUNDS, turns: 3 })
        await closeAll(encryptions)
        const figures = figuresOf(turns, ['floor'])
        return [{ part: 'peers', name, parameters: { valueBytes }, rounds: roundsOf(turns), figures }]
      },
    })),
  )
}

const CONTENDERS = { seal: sealing, open: opening }

function sealing(
  encryptions: readonly OnEngine[],
  others: readonly Peer[],
  values: readonly Buffer[],
): Contender[] {
  const few = values.slice(0, FEW)
  const records = recordsOf('bench', values)
  return [
    repeated('floor', values.length, () => values.map(floorSeal)),
    ...encryptions.map(({ engine, encryption }) =>
      repeated(engine, values.length, () => sealRecords(encryption, records)),
    ),
    ...others.map(({ name, seal }) => repeated(name, FEW, () => oneByOne(few, seal))),
  ]
}

async function opening(
  encryptions: readonly [OnEngine, ...OnEngine[]],
  others: readonly Peer[],
  values: readonly Buffer[],
): Promise<Contender[]> {
  const few = values.slice(0, FEW)
  const floorSealed = values.map(floorSeal)
  const sealed = await sealRecords(encryptions[0].encryption, recordsOf('bench', values))
  const theirs = others.map(async ({ name, seal, open }) => {
    const sealedByThem = await oneByOne(few, seal)
    await checkSealed(name, few, sealedByThem, open)
    return repeated(name, FEW, () => oneByOne(sealedByThem, open))
  })
  return [
    repeated('floor', values.length, () => floorSealed.map(floorOpen)),
    ...encryptions.map(({ engine, encryption }) =>
      repeated(engine, values.length, async () => {
        checkOpened(await openRecords(encryption, sealed))
      }),
    ),
    ...(await Promise.all(theirs)),
  ]
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
