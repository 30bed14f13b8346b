/** An emulator of Tencent Cloud KMS, for tests and on a developer's machine. */
export {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type EmulatorOptions,
  type TencentKmsEmulator,
} from './emulator.js'
export type { AccessStatement, EmulatorCredential } from './access.js'
export type { EmulatorCall } from './calls.js'
export type { CmkState, CmkUsage } from './cmk.js'
export { EmulatorError, type EmulatorErrorCode } from './errors.js'
export type { Fault, FaultKind } from './faults.js'
export type { EmulatorKey, NewKeyOptions } from './keys.js'
