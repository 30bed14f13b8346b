'use strict'
// Changes a token of SoftHSM in a process of its own: a login is for a whole process. Prints nothing.
const p = require('pkcs11js')

const [library, label, pin, changes] = process.argv.slice(2)
const module11 = new p.PKCS11()
module11.load(library)
module11.C_Initialize({ flags: p.CKF_OS_LOCKING_OK })
const slot = module11
  .C_GetSlotList(true)
  .find((each) => module11.C_GetTokenInfo(each).label.trimEnd() === label)
const session = module11.C_OpenSession(slot, p.CKF_SERIAL_SESSION | p.CKF_RW_SESSION)
module11.C_Login(session, p.CKU_USER, pin)

const IN_HEX = ['ID', 'VALUE']
const attributes = (named) =>
  Object.entries(named).map(([name, value]) => ({
    type: p[`CKA_${name}`],
    value: IN_HEX.includes(name) ? Buffer.from(value, 'hex') : value,
  }))

function keys(key) {
  module11.C_FindObjectsInit(session, attributes({ CLASS: p.CKO_SECRET_KEY, LABEL: key }))
  const found = module11.C_FindObjects(session, 1000)
  module11.C_FindObjectsFinal(session)
  return found
}

/** A key that the token makes, or one with the value that is given: a copy of a key in another token. */
function create(key, set) {
  const template = attributes({
    CLASS: p.CKO_SECRET_KEY,
    KEY_TYPE: p.CKK_AES,
    TOKEN: true,
    PRIVATE: true,
    LABEL: key,
    SENSITIVE: true,
    EXTRACTABLE: false,
    ENCRYPT: true,
    DECRYPT: true,
    WRAP: false,
    UNWRAP: false,
    ...('VALUE' in set ? {} : { VALUE_LEN: 32 }),
    ...set,
  })
  if ('VALUE' in set) module11.C_CreateObject(session, template)
  else module11.C_GenerateKey(session, { mechanism: p.CKM_AES_KEY_GEN }, template)
}

for (const { action, key, set = {} } of JSON.parse(changes)) {
  if (action === 'create') create(key, set)
  else if (action === 'change')
    for (const handle of keys(key)) module11.C_SetAttributeValue(session, handle, attributes(set))
  else for (const handle of keys(key)) module11.C_DestroyObject(session, handle)
}
module11.C_Finalize()
