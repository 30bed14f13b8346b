/** The parts of the package `pkcs11js` that are used here. It is optional. */
type Handle = Buffer
interface Attribute {
  readonly type: number
  readonly value?: number | boolean | string | Buffer
}

interface Mechanism {
  readonly mechanism: number
  readonly parameter: {
    readonly type: number
    readonly iv: Buffer
    readonly aad: Buffer
    readonly ivBits: number
    readonly tagBits: number
  }
}

/** A module of PKCS#11. All calls block. */
export interface Pkcs11Module {
  load(library: string): void
  C_Initialize(options: { readonly flags: number }): void
  C_GetSlotList(tokenPresent: boolean): Handle[]
  C_GetTokenInfo(slot: Handle): { readonly label: string; readonly flags: number }
  C_OpenSession(slot: Handle, flags: number): Handle
  C_GetSessionInfo(session: Handle): { readonly state: number }
  C_CloseSession(session: Handle): void
  C_Login(session: Handle, userType: number, pin: string): void
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void
  C_FindObjects(session: Handle, maxObjectCount: number): Handle[]
  C_FindObjectsFinal(session: Handle): void
  C_GetAttributeValue(
    session: Handle,
    object: Handle,
    template: readonly Attribute[],
  ): readonly { readonly value: unknown }[]
  C_EncryptInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Encrypt(session: Handle, plain: Buffer, room: Buffer): Buffer
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Decrypt(session: Handle, sealed: Buffer, room: Buffer): Buffer
}

type Constant =
  | 'CKF_OS_LOCKING_OK'
  | 'CKF_SERIAL_SESSION'
  | 'CKF_USER_PIN_FINAL_TRY'
  | 'CKF_USER_PIN_LOCKED'
  | 'CKU_USER'
  | 'CKO_SECRET_KEY'
  | 'CKK_AES'
  | 'CKM_AES_GCM'
  | 'CK_PARAMS_AES_GCM_v240'
  | `CKA_${'CLASS' | 'LABEL' | 'TOKEN' | 'PRIVATE' | 'ID' | 'KEY_TYPE' | 'VALUE_LEN' | 'SENSITIVE' | 'EXTRACTABLE' | 'ENCRYPT' | 'DECRYPT'}`

export type Pkcs11js = { readonly PKCS11: new () => Pkcs11Module } & Readonly<Record<Constant, number>>
