/**
 * Marks sealing producers. Registered globally: two copies of the package may be loaded, and a copy of a producer keeps
 * it.
 */
export const SEALING: unique symbol = Symbol.for('kafka-envelope.sealing') as never

/** Besides the wait for a DEK, a producer that closes gives its sends as long as one request takes at most. */
export const REQUEST_MS = 30_000

/** Whether a producer seals what it sends. */
export function isSealing(producer: object): boolean {
  return SEALING in producer
}
