import type { Cmk } from '../cmk.js'

/** Identifies the emulator's only account. */
const ACCOUNT = 100_000_000_001

/** The members that KeyMetadata and the answer to CreateKey have in common. */
export function summaryOf(cmk: Cmk): Readonly<Record<string, unknown>> {
  return {
    KeyId: cmk.keyId,
    Alias: cmk.alias,
    CreateTime: cmk.createdAt,
    Description: cmk.description,
    KeyState: cmk.state,
    KeyUsage: cmk.usage,
    HsmClusterId: '',
  }
}

/** The vendor's KeyMetadata. */
export function metadataOf(cmk: Cmk): Readonly<Record<string, unknown>> {
  return {
    ...summaryOf(cmk),
    // 2: FIPS 140-2, 4: the Chinese algorithms.
    Type: 2,
    CreatorUin: ACCOUNT,
    KeyRotationEnabled: cmk.rotation !== undefined,
    Owner: 'user',
    NextRotateTime: cmk.rotation?.next ?? 0,
    DeletionDate: cmk.deleteAt ?? 0,
    Origin: cmk.origin,
    ValidTo: 0,
    ResourceId: `creatorUin/${String(ACCOUNT)}/${cmk.keyId}`,
    RotateDays: cmk.rotation?.days ?? 0,
    LastRotateTime: cmk.lastRotatedAt ?? 0,
    IsSyncReplica: 0,
    SourceRegion: '',
    SyncStatus: 0,
    SyncMessages: '',
    SyncStartTime: 0,
    SyncEndTime: 0,
    SourceHsmClusterId: '',
    AccountAppId: 0,
    AccountUin: ACCOUNT,
    AccountName: '',
    CreatorUinString: String(ACCOUNT),
  }
}
