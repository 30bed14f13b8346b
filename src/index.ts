export { createEncryption, type ConsumerOptions, type Encryption, type Health } from './encryption.js'
export { envelopeOf, type MessageEnvelope } from './clients/kafkajs/envelope-of.js'
export type { Fatal } from './clients/kafkajs/consumer.js'
export {
  EnvelopeError,
  isEnvelopeError,
  type ConfigIssue,
  type ErrorCode,
  type FailureKind,
  type RecordPosition,
} from './errors.js'
export type {
  BatchCount,
  DekOrigin,
  EncryptionEvents,
  EventListener,
  EventName,
  GraceUse,
  KmsOperation,
  Limit,
  RetireReason,
  Waiting,
} from './events.js'
export type { DekStore, StoredDek } from './dek-store/dek-store.js'
export { fileDekStore, type FileDekStoreOptions } from './dek-store/file-dek-store.js'
export type { SealingState } from './keys/sealing-state.js'
export type { KeyLookups } from './keys/opening-keys.js'
export type { CallSpan, KmsTracer, TracedCall } from './kms/tracers.js'
export type { CmkDescription, EncryptionContext, GeneratedDek, Kms, KmsCall } from './kms/kms.js'
export type {
  BudgetShare,
  ByteSize,
  CacheConfig,
  CmkRef,
  Duration,
  EncryptionConfig,
  EncryptRule,
  KmsBudget,
  OutageConfig,
  PlaintextRule,
  ProvisionedDek,
  ReadRule,
  RotationConfig,
  TopicRule,
} from './policy/config.js'
export type {
  DeadLetterPolicy,
  InvalidPolicy,
  RejectionAnswer,
  RejectionHandler,
  Replacement,
  SealedMessage,
  UnreadablePolicy,
} from './policy/rejection.js'
export type { CmkUse } from './record/cmk-uses.js'
export type { EnvelopeInfo, ReplacedValue } from './record/record.js'
