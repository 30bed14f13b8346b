/** Defaults that other code needs too. The others are in `schema.ts`. */

export const DEFAULT_MAX_AGE = '24h'
/** Long enough to notice and repair an outage, short compared with the life of a DEK. */
export const DEFAULT_PREFETCH_MS = 600_000
/** The window of deflate: no distance reaches further back. */
export const MAX_DICTIONARY_BYTES: number = 2 ** 15
/** The largest value that readers decompress by default. Sealing refuses to compress a larger one. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES: number = 2 ** 24
