import { aes } from './aes.js'
import type { CmkRow, CmkType } from './local-cmk.js'
import { rsa } from './rsa.js'

const ROWS: Readonly<Record<CmkType, CmkRow>> = { 'aes-256': aes, 'rsa-oaep-sha256': rsa }

export const CMK_TYPES = Object.keys(ROWS) as readonly CmkType[]

export function isCmkType(type: unknown): type is CmkType {
  return typeof type === 'string' && Object.hasOwn(ROWS, type)
}

/** The row of a type of CMK. Pass only CMKs of that type to its methods. */
export function rowOf(type: CmkType): CmkRow {
  return ROWS[type]
}
