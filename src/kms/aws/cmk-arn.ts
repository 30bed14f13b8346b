/** A CMK of AWS KMS, by its name in configuration and on the wire. */
export interface CmkArn {
  /** `arn:<partition>:kms:<region>:<account>:key/<key id>`. */
  readonly id: string
  /** For example `eu-west-1`. It becomes part of a host name, so its form is checked. */
  readonly region: string
  /** Everything but the region. */
  readonly rest: string
  /** Whether the key is a multi-region one: its replicas have the same ARN but for the region. */
  readonly isMultiRegion: boolean
}

const REGION = '[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-\\d{1,2}'
const ARN = new RegExp(`^(arn:aws(?:-[a-z]{1,16}){0,3}:kms:)(${REGION})(:\\d{12}:key/([A-Za-z0-9-]{1,128}))$`)

/** Undefined if `id` is not the ARN of a key. An alias has another ARN. */
export function parseCmkArn(id: string): CmkArn | undefined {
  const [, service, region, key, keyId] = ARN.exec(id) ?? []
  if (service === undefined || region === undefined || key === undefined || keyId === undefined)
    return undefined
  return { id, region, rest: service + key, isMultiRegion: keyId.startsWith('mrk-') }
}

/** Whether both name replicas of one multi-region key: in one partition and account, under one key id. */
export function areReplicas(one: CmkArn, other: CmkArn): boolean {
  return one.isMultiRegion && one.rest === other.rest
}
