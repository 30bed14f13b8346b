'use strict'

/**
 * Loads the package `pkcs11js`, which is optional: types are in `pkcs11js.ts`.
 *
 * @returns {unknown}
 */
module.exports = function loadSdk() {
  return require('pkcs11js')
}
