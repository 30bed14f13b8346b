/** Defaults that other code needs too. The others are in `schema.ts`. */

export const DEFAULT_MAX_AGE = '24h'
/** Long enough to notice and repair an outage, short compared with the life of a DEK. */
export const DEFAULT_PREFETCH_MS = 600_000
/** What readers decompress if their rule does not say; sealing refuses to compress what is larger. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES: number = 2 ** 24
