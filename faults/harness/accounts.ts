import type { Consumed, Produced } from './ledger.js'

/** Where a schedule allows a record to come twice, and why. */
export interface MayDouble {
  /** On the broker: a producer sent again what it had no acknowledgement for. */
  readonly written?: string
  /** At the handler: a group read again from its last commit. */
  readonly delivered?: string
}

/** Everything that producers and the consumers of one group wrote down. */
export interface Books {
  readonly produced: Iterable<Produced>
  /** A book for each process. */
  readonly consumed: readonly Iterable<Consumed>[]
}

export interface Accounts {
  readonly sent: number
  readonly acknowledged: number
  /** Different records. */
  readonly delivered: number
  /** Acknowledged, and never delivered. */
  readonly lost: number
  /** Delivered from more than one offset. */
  readonly writtenTwice: number
  /** Delivered more than once from the same offset. */
  readonly deliveredTwice: number
  /** Delivered, but not as a producer made it. */
  readonly unauthenticated: number
  /** Whole, but no producer says that it sent it. */
  readonly unknown: number
  /** Delivered for the first time after a later record of its key. */
  readonly disordered: number
}

/** What happened to the records of one producer; by number. */
class Tally {
  readonly sent: boolean[] = []
  readonly acked: boolean[] = []
  readonly offsets: number[] = []
  readonly writtenTwice = new Set<number>()
  readonly deliveredTwice = new Set<number>()
  /** By key, the newest record that was delivered. */
  readonly newest = new Map<string, number>()
}

/** Accounts for every record of these producers. */
export function accountsOf({ produced, consumed }: Books): Accounts {
  const tallies = new Map<string, Tally>()
  for (const { what, producer, from, to } of produced) {
    if (what === 'refused') continue
    const tally = tallies.get(producer) ?? new Tally()
    tallies.set(producer, tally)
    for (let n = from; n < to; n++) tally[what === 'sent' ? 'sent' : 'acked'][n] = true
  }
  let [unauthenticated, unknown, disordered] = [0, 0, 0]
  for (const { record, offset } of inOrder(consumed)) {
    if (record === undefined) {
      unauthenticated++
      continue
    }
    const { producer, n, key } = record
    const tally = tallies.get(producer)
    if (tally?.sent[n] !== true) {
      unknown++
      continue
    }
    const first = tally.offsets[n]
    if (first === undefined) {
      tally.offsets[n] = offset
      if (n < (tally.newest.get(key) ?? -1)) disordered++
      else tally.newest.set(key, n)
    } else if (first === offset) tally.deliveredTwice.add(n)
    else tally.writtenTwice.add(n)
  }
  const all = [...tallies.values()]
  const sum = (of: (tally: Tally) => number): number => all.reduce((total, tally) => total + of(tally), 0)
  return {
    sent: sum(({ sent }) => count(sent)),
    acknowledged: sum(({ acked }) => count(acked)),
    delivered: sum(({ offsets }) => count(offsets)),
    lost: sum(({ acked, offsets }) => count(acked.filter((_, n) => offsets[n] === undefined))),
    writtenTwice: sum(({ writtenTwice }) => writtenTwice.size),
    deliveredTwice: sum(({ deliveredTwice }) => deliveredTwice.size),
    ...{ unauthenticated, unknown, disordered },
  }
}

/** What the accounts show that must not be; empty if everything is in order. */
export function faultsIn(accounts: Accounts, mayDouble: MayDouble): string[] {
  const none: readonly (keyof Accounts)[] = [
    'lost',
    'unauthenticated',
    'unknown',
    'disordered',
    ...(mayDouble.written === undefined ? (['writtenTwice'] as const) : []),
    ...(mayDouble.delivered === undefined ? (['deliveredTwice'] as const) : []),
  ]
  const found = none.filter((name) => accounts[name] > 0).map((name) => `${name}: ${String(accounts[name])}`)
  // A schedule in which nothing happened shows nothing.
  return accounts.acknowledged === 0 ? [...found, 'no record was acknowledged'] : found
}

/** Holes of a sparse array do not count. */
function count(sparse: readonly unknown[]): number {
  let found = 0
  sparse.forEach(() => found++)
  return found
}

/** Merges books, each in order of time, into one. */
function* inOrder(books: readonly Iterable<Consumed>[]): Generator<Consumed> {
  const heads = books.map((book) => {
    const rest = book[Symbol.iterator]()
    return { rest, next: rest.next() }
  })
  for (;;) {
    let earliest: (typeof heads)[number] | undefined
    for (const head of heads) {
      if (head.next.done === true) continue
      if (earliest?.next.done !== false || head.next.value.at < earliest.next.value.at) earliest = head
    }
    if (earliest?.next.done !== false) return
    yield earliest.next.value
    earliest.next = earliest.rest.next()
  }
}
