// @ts-check
'use strict'
/*
 * What a client and its threads agree on in shared memory: a thread that is in native code reads no message.
 */

/** A PIN may be tried; it is being tried, or was refused; it must not be tried, because the thread was given up. */
const [MAY_TRY, TRIES, MUST_NOT_TRY] = [0, 1, 2]

/** One number that threads share, 0 at first. */
function sharedState() {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/**
 * For threads: does the work when no other thread does it.
 *
 * @param {Int32Array} state @param {() => void} work
 */
function alone(state, work) {
  while (Atomics.compareExchange(state, 0, 0, 1) !== 0) Atomics.wait(state, 0, 1)
  try {
    work()
  } finally {
    Atomics.store(state, 0, 0)
    Atomics.notify(state, 0, 1)
  }
}

/**
 * For a thread: tries the PIN, unless the client gave this thread up. False if it did.
 *
 * @param {Int32Array} state @param {() => void} login
 */
function tryPin(state, login) {
  if (Atomics.exchange(state, 0, TRIES) === MUST_NOT_TRY) return false
  login()
  Atomics.store(state, 0, MAY_TRY)
  return true
}

/**
 * For a client: lets the thread try no PIN. False if it is too late, and the thread's answer says how the try ended.
 *
 * @param {Int32Array} state
 */
function forbidPin(state) {
  return Atomics.compareExchange(state, 0, MAY_TRY, MUST_NOT_TRY) !== TRIES
}

module.exports = { sharedState, alone, tryPin, forbidPin }
