// @ts-check
'use strict'
/*
 * The thread of `TokenThread`: calls of PKCS#11 block. It is JavaScript, so that it runs from the sources and from both
 * builds as it is, and it imports nothing but the CommonJS files beside it.
 */
const { readFileSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const loadSdk = require('./sdk.cjs')
const { alone, tryPin } = require('./shared-state.cjs')
const { TokenSession, TokenFailure } = require('./token-session.cjs')

/** @typedef {import('./messages.js').Request} Request */
/** @typedef {import('./messages.js').WorkerOptions} WorkerOptions */

/** @type {WorkerOptions} */
const options = workerData
/** @type {import('./token-session.cjs').TokenSession | undefined} */
let session

/** @returns {import('./token-session.cjs').TokenSession} */
function open() {
  if (session !== undefined) return session
  session = new TokenSession(sdk(), {
    library: options.library,
    token: options.token,
    logIn,
    initialize: (work) => {
      alone(options.initializing, work)
    },
  })
  return session
}

function sdk() {
  try {
    return /** @type {import('./pkcs11js.js').Pkcs11js} */ (loadSdk())
  } catch {
    throw new TokenFailure('NO_PKCS11JS')
  }
}

/** @param {(pin: string) => void} login */
function logIn(login) {
  const text = pin()
  const isTried = tryPin(options.login, () => {
    login(text)
  })
  // The client does not read this answer.
  if (!isTried) throw new TokenFailure('GIVEN_UP')
}

/** @returns {string} */
function pin() {
  if (options.pin !== undefined) return options.pin
  let text
  try {
    text = readFileSync(options.pinFile ?? '', 'utf8').replace(/\r?\n$/, '')
  } catch {
    throw new TokenFailure('NO_PIN')
  }
  if (text === '' || text.length > 256 || /[\r\n]/.test(text)) throw new TokenFailure('NO_PIN')
  return text
}

/** @param {Request} request @returns {Uint8Array<ArrayBuffer>} */
function answer(request) {
  switch (request.action) {
    case 'wrap':
      try {
        return open().wrap(request.label, request.aad, request.bytes)
      } finally {
        request.bytes.fill(0)
      }
    case 'unwrap':
      return open().unwrap(request.label, request.aad, request.keyId, request.bytes)
    case 'verify unwrap':
      open().verifyUnwrap(request.label)
      return new Uint8Array()
  }
}

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort)
port.on('message', (/** @type {Request | 'close'} */ request) => {
  if (request === 'close') {
    session?.close()
    port.close()
    return
  }
  try {
    const bytes = answer(request)
    port.postMessage({ id: request.id, bytes }, [bytes.buffer])
  } catch (error) {
    // Names only: the text of another error may hold anything.
    const failure =
      error instanceof TokenFailure ? { code: error.code, during: error.during } : { code: 'UNKNOWN' }
    port.postMessage({ id: request.id, failure })
  }
})
