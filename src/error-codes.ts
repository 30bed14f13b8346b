/**
 * The kind of a failure: its meaning for the record, and so for the consumer.
 *
 * - `transient`: nothing is wrong with the record; the KMS or the dead-letter topic is temporarily unavailable.
 *   Wait and retry.
 * - `unreadable`: this reader cannot open it; another reader, or a later version, might. No fixed policy skips it.
 * - `invalid`: the record is not what the rule requires; no reader should accept it.
 */
export type FailureKind = 'transient' | 'unreadable' | 'invalid'

export interface CodeRow {
  /** Whether the failure may come from a KMS; the error then carries the code and request id of the KMS. */
  readonly fromKms?: true
  /** Absent if the failure concerns a call or a configuration, not a record or a KMS. */
  readonly kind?: FailureKind
  /** The remedy. Ends every message. */
  readonly remedy: string
}

/** Every code, its kind and its remedy in one place. Codes are API: they are added, never renamed. */
export const CODES = {
  // Opening, in the order of checks
  NOT_SEALED: {
    kind: 'invalid',
    remedy:
      'Find the producer that writes plaintext to this topic; during a migration, allow plaintext up to stated offsets with `decrypt.plaintext`',
  },
  UNKNOWN_FORMAT: {
    kind: 'unreadable',
    remedy:
      'Upgrade kafka-envelope if a newer version wrote the record; if the fingerprint is that of a schema of your own, list it in `decrypt.plaintext.fingerprints`',
  },
  MALFORMED: {
    kind: 'invalid',
    remedy:
      'The bytes are damaged or were not written by kafka-envelope; check which producers write to this topic',
  },
  UNKNOWN_SUITE: { kind: 'unreadable', remedy: 'Upgrade kafka-envelope on this reader' },
  UNKNOWN_COMPRESSION: {
    kind: 'unreadable',
    remedy: 'Upgrade kafka-envelope or, if the compression is zstd, Node.js to 22.15 or later',
  },
  DICTIONARY_UNKNOWN: {
    kind: 'unreadable',
    remedy:
      'Add the dictionary that the producer compresses with to this reader. Readers need a dictionary before writers use it, and for as long as records that were compressed with it are read',
  },
  WRONG_TOPIC: {
    kind: 'invalid',
    remedy:
      'The record was copied from another topic; if that is intended (mirroring, dead letters), list the original topic in `decrypt.originalTopics`',
  },
  REQUIREMENT_UNMET: {
    kind: 'invalid',
    remedy: 'Make the producer bind what `decrypt.require` asks for, or relax the rule',
  },
  TOMBSTONE_REJECTED: {
    kind: 'invalid',
    remedy: 'Do not write null values to this topic, or set `tombstones: pass` in the rule',
  },
  NO_CANDIDATE: {
    kind: 'unreadable',
    remedy:
      'If you trust the CMK, add it to `decrypt.cmk` of the rule; a DEK wrapped with a public key also needs `acceptPublicKeySealing: true`',
  },
  UNWRAP_FAILED: {
    fromKms: true,
    kind: 'invalid',
    remedy: 'The ciphertext DEK was damaged or forged, or it belongs to another CMK or encryption context',
  },
  COMMITMENT_MISMATCH: {
    kind: 'invalid',
    remedy: 'The envelope was forged or damaged; check which producers write to this topic',
  },
  AUTHENTICATION_FAILED: {
    kind: 'invalid',
    remedy: 'The value, the key or a bound header was changed after sealing',
  },
  DECOMPRESSION_FAILED: {
    kind: 'invalid',
    remedy: 'The producer sealed a body that is not exactly one gzip member, zstd frame or deflate stream',
  },
  TOO_LARGE: {
    kind: 'invalid',
    remedy: 'Raise `decrypt.maxDecompressedBytes` if you expect values of this size',
  },
  TOO_MANY_BAD_RECORDS: {
    remedy: 'The record.rejected events show the causes; `decrypt.maxInvalidShare` sets the allowed share',
  },
  DEAD_LETTER_FAILED: {
    kind: 'transient',
    remedy:
      'Nothing was skipped, and the consumer retries; if this persists, check that the topic exists and that the producer passed as `deadLetters` is connected',
  },
  DEAD_LETTER_REFUSED: {
    remedy:
      'The consumer stopped at the record; raise max.message.bytes of the dead-letter topic, allow this process to write to it, or turn off its compaction; a record above 128 MiB needs another policy',
  },
  REJECTION_HANDLER_FAILED: {
    remedy:
      "The consumer stopped at the record; fix the handler: it must return 'stop', 'skip', { deadLetter: topic } or { value }",
  },

  // Sealing
  TOPIC_NOT_CONFIGURED: {
    kind: 'unreadable',
    remedy:
      'Add the topic to a rule with `encrypt` or `decrypt`, or with `passthrough: true` to leave it unencrypted',
  },
  INVALID_RECORD: {
    remedy: 'Pass values and keys as a Buffer, a string or null; nothing was sent',
  },
  DESERIALIZER_FAILED: {
    remedy:
      'The record opened. Find out why the deserializer does not accept it, or let `onCorruptedMessage` return false to skip such records',
  },
  ALREADY_SEALED: {
    remedy:
      'The value is already an envelope; to let sealed records pass through, set `encrypt.passSealed: true`',
  },
  RECORD_TOO_LARGE: {
    remedy:
      'Raise `encrypt.maxBatchBytes` together with max.message.bytes of the topic, or turn on `compression`',
  },
  PARTITIONER_WITHOUT_PLAINTEXT: {
    remedy: 'Wrap the partitioner, so that it sees messages before they are sealed',
  },
  DEK_LIMIT_TOO_SMALL: { remedy: 'Raise `rotate.maxBytes` above the largest record' },
  DEK_EXHAUSTED: {
    remedy: 'Create a new ciphertext DEK with `encryption.createProvisionedDek(rule)` and configure it',
  },
  KEY_WAIT_TIMEOUT: {
    kind: 'transient',
    remedy:
      'Look at the kms.call events: if calls are slow or unanswered, check the KMS and the network path to it; if they are fast, rotate less often or raise `kmsRateLimit.sealing`',
  },

  // KMS and keys
  KMS_UNAVAILABLE: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry; if this persists, check the KMS and the network path to it',
  },
  KMS_THROTTLED: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry later, rotate less often, or raise the quota of the KMS',
  },
  KMS_TIMEOUT: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry; if this persists, check the KMS and the network path to it',
  },
  KMS_RATE_LIMITED: {
    kind: 'transient',
    remedy:
      'Retry later; if this persists, look for a flood of foreign envelopes, or raise `kmsRateLimit`, but not above the quota of the KMS',
  },
  KMS_DENIED: { fromKms: true, kind: 'unreadable', remedy: 'Grant this process permission to use the CMK' },
  KMS_REFUSED: {
    fromKms: true,
    kind: 'unreadable',
    remedy: 'Look up the code that the KMS returned; retrying does not help',
  },
  KMS_CREDENTIALS_UNAVAILABLE: {
    fromKms: true,
    kind: 'transient',
    remedy: 'Retry; if this persists, check where this process gets its credentials',
  },
  KMS_SDK_MISSING: {
    remedy: 'Run `npm install tencentcloud-sdk-nodejs` (or tencentcloud-sdk-nodejs-common, which is smaller)',
  },
  KMS_RESPONSE_INVALID: {
    fromKms: true,
    kind: 'transient',
    remedy:
      'Retry; if this persists, check the endpoint, the proxy and the provider: something other than the KMS may be answering',
  },
  CMK_NOT_FOUND: {
    fromKms: true,
    kind: 'unreadable',
    remedy: 'Check the id of the CMK, and whether the CMK was deleted',
  },
  CMK_DISABLED: { fromKms: true, kind: 'unreadable', remedy: 'Enable the CMK again; nothing was lost' },
  CMK_MISMATCH: {
    fromKms: true,
    kind: 'invalid',
    remedy: 'The ciphertext DEK belongs to a different CMK than the envelope claims',
  },
  CMK_UNUSABLE: {
    fromKms: true,
    kind: 'unreadable',
    remedy: 'The CMK cannot do this (a public key, for example, cannot unwrap); use one that can',
  },
  CIPHERTEXT_DEK_INVALID: {
    fromKms: true,
    kind: 'invalid',
    remedy: 'The ciphertext DEK was damaged or forged, or it belongs to another CMK or encryption context',
  },
  KEY_DESTROYED: {
    remedy:
      'The key was wiped; get a new one (unless you called close() or evict(), this is a bug in kafka-envelope)',
  },
  ENCRYPTION_CLOSED: { remedy: 'Disconnect producers and consumers before you call close()' },

  // Secrets
  INVALID_SECRET: {
    remedy: 'Pass the secret as 1 to 4,096 bytes, and the context as an object of texts, like that of a rule',
  },
  SECRET_TOO_LARGE: {
    remedy:
      'A KMS encrypts only small values itself; for larger ones use an envelope: `sealRecords` of kafka-envelope/record, under a rule with `encrypt` (docs/secrets.md compares the two ways)',
  },
  SECRET_MALFORMED: {
    remedy:
      'Pass what `secrets(…).encrypt` or `npx kafka-envelope secret encrypt` returned, whole and unchanged',
  },
  SECRET_OF_ANOTHER_CMK: {
    remedy: 'If you trust the CMK, add it to the entry of `cmks` that you decrypt with',
  },
  SECRET_NOT_AUTHENTIC: {
    fromKms: true,
    remedy:
      'Pass exactly the context that it was encrypted with; if that is right, the secret was damaged or forged',
  },

  // Configuration and keyrings
  CONFIG_INVALID: { remedy: 'Correct the configuration; nothing was started' },
  KEYRING_NOT_FOUND: {
    kind: 'unreadable',
    remedy: 'Create it with `npx kafka-envelope keyring create FILE --cmk NAME`',
  },
  KEYRING_EXISTS: {
    remedy:
      'Nothing was changed; choose another name, or add a CMK to the existing keyring with `npx kafka-envelope keyring add FILE --cmk NAME`',
  },
  KEYRING_EXPOSED: {
    kind: 'unreadable',
    remedy:
      'Make the file readable by its owner only: `chmod 600`, or `defaultMode: 0400` if Kubernetes mounts it from a Secret (see docs/recipes.md). If others might have read its keys, replace them',
  },
  KEYRING_INVALID: {
    kind: 'unreadable',
    remedy: 'Restore the file from a backup; it is not a keyring in the form that kafka-envelope writes',
  },
  KEYRING_BUSY: {
    remedy:
      'Wait for the other process to finish; if none is running, delete the .lock file next to the keyring',
  },

  // Audit logs
  AUDIT_LOG_IN_USE: {
    remedy:
      'Give each process a file of its own; if no process writes to this one, delete the .lock file next to it',
  },
  AUDIT_LOG_UNUSABLE: {
    remedy:
      'Look at it with `npx kafka-envelope audit verify FILE`, and keep it; a log in a new file can begin at once',
  },
  AUDIT_LOG_WRITE_FAILED: {
    remedy:
      'Make room on the disk, or give access to the file; lines wait until then, and the log says how many it lost',
  },

  // Command line
  EMULATOR_MISSING: { remedy: 'Run `npm install --save-dev kafka-envelope-tencent-kms-emulator`' },
} as const satisfies Record<string, CodeRow>

/** A stable code. Recognise errors by their code, not by their class: two copies of the package may be loaded. */
export type ErrorCode = keyof typeof CODES
