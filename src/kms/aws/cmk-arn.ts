/** A CMK of AWS KMS, by its name in configuration and on the wire. */
export interface CmkArn {
  /** `arn:<partition>:kms:<region>:<account>:key/<key id>`. */
  readonly id: string
  /** For example `aws` or `aws-cn`. */
  readonly partition: string
  /** For example `eu-west-1`. It becomes part of a host name, so its form is checked. */
  readonly region: string
  /** Everything but the region. */
  readonly rest: string
  /** Whether the key is a multi-region one: its replicas have the same ARN but for the region. */
  readonly isMultiRegion: boolean
}

const REGION = '[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-\\d{1,2}'
const PARTITION = 'aws(?:-[a-z]{1,16}){0,3}'
/** The form of an ARN. */
export const CMK_ARN = new RegExp(`^arn:(${PARTITION}):kms:(${REGION})(:\\d{12}:key/([A-Za-z0-9-]{1,128}))$`)

/** The beginnings of the names of regions in partitions other than `aws`. */
const PREFIXES: ReadonlyMap<string, string> = new Map([
  ['aws-cn', 'cn-'],
  ['aws-eusc', 'eusc-'],
  ['aws-iso', 'us-iso-'],
  ['aws-iso-b', 'us-isob-'],
  ['aws-iso-e', 'eu-isoe-'],
  ['aws-iso-f', 'us-isof-'],
  ['aws-us-gov', 'us-gov-'],
])

/** Undefined if `id` is not the ARN of a key. An alias has another ARN. */
export function parseCmkArn(id: string): CmkArn | undefined {
  const [, partition, region, key, keyId] = CMK_ARN.exec(id) ?? []
  if (partition === undefined || region === undefined || key === undefined || keyId === undefined)
    return undefined
  return { id, partition, region, rest: partition + key, isMultiRegion: keyId.startsWith('mrk-') }
}

/**
 * Why the region cannot be in the partition; undefined if it can. No key has such an ARN. A partition that is unknown
 * here may have any region that no other one has.
 */
export function whyNotInPartition({ partition, region }: CmkArn): string | undefined {
  const owner = [...PREFIXES].find(([, prefix]) => region.startsWith(prefix))?.[0]
  if (owner === partition || (owner === undefined && !PREFIXES.has(partition))) return undefined
  return `the region ${region} is in the partition ${owner ?? 'aws'}, not in ${partition}: copy the ARN of the key from AWS KMS`
}

/** Whether both name replicas of one multi-region key: in one partition and account, under one key id. */
export function areReplicas(one: CmkArn, other: CmkArn): boolean {
  return one.isMultiRegion && one.rest === other.rest
}
