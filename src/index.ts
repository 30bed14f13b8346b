export { createEncryption, type Encryption } from './encryption.js'
export type { Health } from './health.js'
export type { Secrets } from './secrets/secrets.js'
export type { ConsumerStopped } from './record/internals.js'
export {
  EnvelopeError,
  isEnvelopeError,
  type AnyEnvelopeError,
  type ConfigIssue,
  type EnvelopeErrorOptions,
  type EnvelopeErrorWith,
  type ErrorCode,
  type FailureKind,
  type RejectionCode,
  type RecordPosition,
} from './errors.js'
export type {
  BatchEvent,
  ConfiguredOverride,
  CopyEvent,
  DekOrigin,
  EngineName,
  EncryptionEvents,
  EventListener,
  EventName,
  GraceUsage,
  KmsOperation,
  Limit,
  RetireReason,
  PlaintextEvent,
  Waiting,
} from './events.js'
export type { DekStore, StoredDek } from './dek-store/dek-store.js'
export { fileDekStore, type FileDekStoreOptions } from './dek-store/file-dek-store.js'
export type { SealingState } from './keys/sealing/sealing-state.js'
export type { MissingCmk } from './kms/cmk.js'
export type { KeyLookups } from './keys/opening/opening-keys.js'
export type { KmsCallSpan, KmsTracer, TracedKmsCall } from './kms/tracers.js'
export type {
  CmkDescription,
  EncryptionContext,
  GeneratedDek,
  Kms,
  KmsCall,
  KmsUse,
  KmsCallLimits,
} from './kms/kms.js'
export type {
  CmkRef,
  DecryptedTopicRule,
  DecryptRule,
  DekCacheConfig,
  DekLimits,
  Dictionary,
  DictionaryCompression,
  EncryptedTopicRule,
  EncryptionConfig,
  EncryptRule,
  KmsRateLimits,
  PassthroughRule,
  PlaintextRule,
  ProvisionedDek,
  ProvisionedDekLimits,
  ProvisionedEncryptRule,
  RateLimit,
  RenewedEncryptRule,
  Requirements,
  RotationConfig,
  TopicRule,
} from './config/config.js'
export type { Override, OverrideAction } from './config/override.js'
export type { ByteSize, Duration } from './units.js'
export type {
  DeadLetterPolicy,
  InvalidPolicy,
  RejectionAnswer,
  RejectionHandler,
  Replacement,
  SealedMessage,
  UnreadablePolicy,
} from './config/rejection.js'
export type { OverrideState } from './record/overrides.js'
export type { CmkUse } from './record/cmk-uses.js'
export type { EnvelopeInfo, ReplacedValue } from './record/record.js'
