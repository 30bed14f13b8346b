import type { ContentKey } from '../../src/crypto/content-key.js'
import type { Engine } from '../../src/crypto/engine.js'
import type { Bytes } from '../../src/envelope/bytes.js'
import type { HeaderValues } from '../../src/envelope/format.js'
import { aadBytes, writeAad } from '../../src/envelope/v1/aad.js'

/** Where the parts of a sealed record are in its buffer. The body takes the rest. */
interface Places {
  readonly ivAt: number
  readonly tagAt: number
  readonly bodyAt: number
}

/** Seals one body into a buffer of its own. */
export function sealOne(
  engine: Engine,
  key: ContentKey,
  counter: number,
  job: Places & { readonly plaintext: Bytes; readonly aad: Buffer; readonly target: Buffer },
): void {
  const { plaintext, aad, target, ivAt, tagAt, bodyAt } = job
  const places = Uint32Array.of(ivAt, tagAt, bodyAt, target.length, 0, aad.length)
  engine.sealMany(key, counter, { plaintexts: [plaintext], target, aads: aad, places })
}

/** Opens bodies that have the same AAD and are sealed in the same places. */
export function openAlike(
  engine: Engine,
  key: ContentKey,
  sources: readonly Buffer[],
  { aad, ivAt, tagAt, bodyAt }: Places & { readonly aad: Buffer },
): (Buffer | undefined)[] {
  const places = sources.flatMap(() => [ivAt, tagAt, bodyAt, 0, 0, aad.length, 0])
  return engine.openMany(key, { sources, aads: aad, places: Uint32Array.from(places) })
}

/** The AAD of one record. */
export function aadOf(base: Buffer, key: Bytes | null | undefined, headers: readonly HeaderValues[]): Buffer {
  const aad = Buffer.alloc(aadBytes(base, key, headers))
  if (writeAad(aad, 0, base, key, headers) !== aad.length) throw new Error('an AAD is shorter than it said')
  return aad
}
