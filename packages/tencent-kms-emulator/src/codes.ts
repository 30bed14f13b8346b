/*
 * The codes with which each action can be refused: those that the vendor's SDK for Go lists for it ("error code that
 * may be returned", `kms/v20190118/client.go`, 1.0.563), unless a row says otherwise.
 */

/** Any action may answer these: "Common Error Codes" of the vendor's page 1030/32201. */
const COMMON: readonly string[] = [
  'InternalError',
  'InvalidParameter',
  'MissingParameter',
  'RequestLimitExceeded',
  'UnauthorizedOperation',
  'UnknownParameter',
]

const ONE_KEY: readonly string[] = ['InvalidParameterValue.InvalidKeyId', 'ResourceUnavailable.CmkNotFound']

const LISTED: Readonly<Record<string, readonly string[]>> = {
  // With two from the newer public definition, and CmkArchived, the one exception: no list says how to tell an archived
  // CMK from a disabled one, and readers under an archived CMK must know.
  GenerateDataKey: [
    ...ONE_KEY,
    'FailedOperation.EncryptionError',
    'InvalidParameterValue.InvalidKeyUsage',
    'InvalidParameterValue.InvalidType',
    'ResourceUnavailable.CmkDisabled',
    'ResourceUnavailable.KeyPendingDelete',
    'ResourceUnavailable.CmkArchived',
  ],
  Encrypt: [
    ...ONE_KEY,
    'InvalidParameterValue.InvalidPlaintext',
    'ResourceUnavailable.CmkArchived',
    'ResourceUnavailable.CmkDisabled',
  ],
  Decrypt: [
    'FailedOperation.EncryptionError',
    'InvalidParameterValue.InvalidCiphertext',
    'ResourceUnavailable.CmkDisabled',
    'ResourceUnavailable.CmkNotFound',
  ],
  ReEncrypt: [...ONE_KEY, 'InvalidParameterValue.InvalidCiphertext', 'ResourceUnavailable.CmkDisabled'],
  GetPublicKey: [...ONE_KEY, 'ResourceUnavailable.CmkStateNotSupport'],
  AsymmetricRsaDecrypt: [
    ...ONE_KEY,
    'FailedOperation.DecryptError',
    'InvalidParameterValue.InvalidKeyUsage',
    'ResourceUnavailable.CmkStateNotSupport',
  ],
  AsymmetricSm2Decrypt: [
    ...ONE_KEY,
    'FailedOperation.DecryptError',
    'InvalidParameterValue.InvalidKeyUsage',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion',
  ],
  CreateKey: [
    'FailedOperation.TaggingError',
    'InvalidParameterValue.AliasAlreadyExists',
    'InvalidParameterValue.InvalidAlias',
    'InvalidParameterValue.InvalidHsmClusterId',
    'InvalidParameterValue.InvalidKeyUsage',
    'InvalidParameterValue.InvalidType',
    'InvalidParameterValue.TagKeysDuplicated',
    'InvalidParameterValue.TagsNotExisted',
    'LimitExceeded.CmkLimitExceeded',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
    'UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion',
  ],
  UpdateAlias: [
    ...ONE_KEY,
    'InvalidParameterValue.AliasAlreadyExists',
    'InvalidParameterValue.InvalidAlias',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  UpdateKeyDescription: [...ONE_KEY, 'UnsupportedOperation.ServiceTemporaryUnavailable'],
  EnableKey: [
    ...ONE_KEY,
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  DisableKey: [
    ...ONE_KEY,
    'FailedOperation.CmkUsedByCloudProduct',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  ArchiveKey: [
    ...ONE_KEY,
    'FailedOperation.CmkUsedByCloudProduct',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.NotUserCreatedCmk',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  CancelKeyArchive: [
    ...ONE_KEY,
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.NotUserCreatedCmk',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  EnableKeys: [
    ...ONE_KEY,
    'InvalidParameterValue.DuplicatedKeyId',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  DisableKeys: [
    ...ONE_KEY,
    'FailedOperation.CmkUsedByCloudProduct',
    'InvalidParameterValue.DuplicatedKeyId',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  ScheduleKeyDeletion: [
    ...ONE_KEY,
    'FailedOperation.CmkUsedByCloudProduct',
    'InvalidParameter.InvalidPendingWindowInDays',
    'ResourceUnavailable.CmkShouldBeDisabled',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  CancelKeyDeletion: [
    ...ONE_KEY,
    'ResourceUnavailable.CmkNotPendingDelete',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  EnableKeyRotation: [
    ...ONE_KEY,
    'InvalidParameterValue',
    'ResourceUnavailable.CmkStateNotSupport',
    'UnsupportedOperation.ExternalCmkCanNotRotate',
    'UnsupportedOperation.ServiceTemporaryUnavailable',
  ],
  DisableKeyRotation: [...ONE_KEY],
  GetKeyRotationStatus: [...ONE_KEY],
  // Newer than that SDK (1030/82046). The last two are from the public definition, the others assumed.
  RotateKey: [
    ...ONE_KEY,
    'ResourceUnavailable.CmkStateNotSupport',
    'RequestLimitExceeded.RotateRateLimited',
    'UnsupportedOperation.RotateNotSupported',
  ],
  ListKeys: ['InvalidParameterValue.InvalidHsmClusterId'],
  ListKeyDetail: ['InvalidParameterValue.InvalidHsmClusterId'],
  DescribeKey: [...ONE_KEY],
  DescribeKeys: [...ONE_KEY, 'InvalidParameterValue.DuplicatedKeyId'],
  GenerateRandom: [],
  ListAlgorithms: [],
  GetRegions: [],
  GetServiceStatus: [],
}

/** Whether the vendor lists `code` for `action`. */
export function lists(action: string, code: string): boolean {
  return COMMON.includes(code) || (LISTED[action]?.includes(code) ?? false)
}
