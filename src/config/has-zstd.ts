import * as zlib from 'node:zlib'

/** Whether this Node.js has zstd (22.15, 23.8 and later). */
export const HAS_ZSTD: boolean = 'zstdCompressSync' in zlib
