/** A CMK of Tencent Cloud KMS, by its name in configuration and on the wire. */
export interface CmkName {
  /** `<region>/<key id>`. */
  readonly id: string
  /** For example `ap-guangzhou`. It selects the host and the account partition, so it is checked before any use. */
  readonly region: string
  readonly keyId: string
}

const REGION = '[a-z]{2,16}(?:-[a-z0-9]{1,32}){1,4}'
/** The form of an id. */
export const CMK_NAME = new RegExp(`^(${REGION})/([A-Za-z0-9-]{1,128})$`)

/** Undefined if `id` does not have the form `<region>/<key id>`. */
export function parseCmkName(id: string): CmkName | undefined {
  const [, region, keyId] = CMK_NAME.exec(id) ?? []
  return region === undefined || keyId === undefined ? undefined : { id, region, keyId }
}
