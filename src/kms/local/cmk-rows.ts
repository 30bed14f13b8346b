import { aes } from './aes.js'
import type { CmkRow, CmkType } from './local-cmk.js'
import { rsa } from './rsa.js'

const ROWS: Readonly<Record<CmkType, CmkRow>> = { 'aes-256': aes, 'rsa-oaep-sha256': rsa }

export const CMK_TYPES = Object.keys(ROWS) as readonly CmkType[]

export function isCmkType(type: unknown): type is CmkType {
  return typeof type === 'string' && Object.hasOwn(ROWS, type)
}

/** All that is known about CMKs of a type; give its methods CMKs of that type only. */
export function rowOf(type: CmkType): CmkRow {
  return ROWS[type]
}
