import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { NativeAddon } from '../../src/crypto/native-engine.js'
import { repeated, type Contender } from '../harness/rounds.js'
import { ENGINES } from './engines.js'

const [IV_BYTES, TAG_BYTES] = [12, 16]
const HEAD_BYTES = IV_BYTES + TAG_BYTES
const AAD = Buffer.alloc(128)

/** The addon alone, on memory that is there: what AES-GCM takes. Nothing where it is not built. */
export function addonAlone(batch: number, valueBytes: number): { seal: Contender[]; open: Contender[] } {
  if (!ENGINES.includes('native')) return { seal: [], open: [] }
  const addon = createRequire(import.meta.url)('kafka-envelope-native') as NativeAddon
  const key = addon.createKey(randomBytes(32))
  const sealed = Buffer.alloc(batch * (HEAD_BYTES + valueBytes))
  const target = Buffer.alloc(batch * valueBytes)
  const opened = new Uint8Array(batch)
  const places = Array.from({ length: batch }, (_, i) => {
    const ivAt = i * (HEAD_BYTES + valueBytes)
    return [ivAt, ivAt + IV_BYTES, ivAt + HEAD_BYTES, ivAt + HEAD_BYTES + valueBytes, 0, AAD.length]
  })
  const inPlace = Uint32Array.from(places.flat())
  const into = Uint32Array.from(places.flatMap((place, i) => [...place, i * valueBytes]))
  let counter = 0
  const seal = (): void => {
    addon.seal(key, counter, sealed, AAD, inPlace)
    counter += batch
  }
  seal()
  return {
    seal: [repeated('addon', batch, seal)],
    open: [
      repeated('addon', batch, () => {
        if (addon.openInto(key, sealed, target, AAD, into, opened) !== 0)
          throw new Error('a record did not open')
      }),
    ],
  }
}
