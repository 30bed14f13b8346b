/** `kafka-envelope/testing`: what stands in for a KMS in tests and on a developer's machine. */
export {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type EmulatorOptions,
  type TencentKmsEmulator,
} from './tencent-kms/emulator.js'
export type { EmulatorCredential, AccessStatement } from './tencent-kms/access.js'
export type { EmulatorCall } from './tencent-kms/calls.js'
export type { CmkState, CmkUsage } from './tencent-kms/cmk.js'
export type { Fault, FaultKind } from './tencent-kms/faults.js'
export type { EmulatorKey, NewKeyOptions } from './tencent-kms/keys.js'
export { memoryKms, type MemoryKms, type MemoryKmsOptions } from './memory-kms.js'
