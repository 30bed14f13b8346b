import { aes } from './aes.js'
import type { CmkOfType, CmkRow, CmkType } from './local-cmk.js'
import { rsa } from './rsa.js'

const ROWS: { readonly [T in CmkType]: CmkRow<CmkOfType<T>> } = {
  'aes-256': aes,
  'rsa-oaep-sha256': rsa,
}

export const CMK_TYPES = Object.keys(ROWS) as readonly CmkType[]

export function isCmkType(type: unknown): type is CmkType {
  return typeof type === 'string' && Object.hasOwn(ROWS, type)
}

/** All that is known about CMKs of a type. */
export function rowOf<T extends CmkType>(type: T): CmkRow<CmkOfType<T>> {
  return ROWS[type]
}
