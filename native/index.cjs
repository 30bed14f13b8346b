// @ts-check
'use strict'
const { createCipheriv } = require('node:crypto')
const { existsSync } = require('node:fs')
const { constants } = require('node:os')
const { join } = require('node:path')
const { deflateRawSync, inflateRawSync } = require('node:zlib')

/** @typedef {import('./index.cjs')} Binding */

/**
 * @param {import('./index.cjs').NativeErrorCode} code
 * @param {string} message
 * @param {unknown} [cause]
 */
function failure(code, message, cause) {
  return Object.assign(new Error(`kafka-envelope-native: ${message}`, { cause }), { code })
}

/** Two C libraries are in use on Linux; a report names the version of glibc where that is the one. */
function usesMusl() {
  if (process.platform !== 'linux') return false
  const { report } = process
  const before = report.excludeNetwork
  // It would look up the names of all peers.
  report.excludeNetwork = true
  try {
    const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (report.getReport())
    return header.glibcVersionRuntime === undefined
  } finally {
    report.excludeNetwork = before
  }
}

/** @returns {Binding} */
function load() {
  // One that was built on this machine comes first: `npm run build:native`.
  const own = join(__dirname, 'build', 'kafka-envelope.node')
  let file = own
  if (!existsSync(own)) {
    const platform = `${process.platform}-${process.arch}${usesMusl() ? '-musl' : ''}`
    file = join(__dirname, 'prebuilds', platform, 'kafka-envelope.node')
    if (!existsSync(file)) throw failure('NATIVE_NO_BINARY', `no binary for ${platform}`)
  }
  const addon = { exports: {} }
  try {
    // Now, not at the first call: where this Node.js has no OpenSSL, it ends the import and not the process.
    process.dlopen(addon, file, constants.dlopen.RTLD_NOW)
    return /** @type {Binding} */ (addon.exports)
  } catch (cause) {
    throw failure('NATIVE_LOAD_FAILED', 'the binary does not load', cause)
  }
}

/**
 * Whether it gives the same bytes as `node:crypto`.
 * @param {Binding} binding
 */
function encrypts(binding) {
  const bytes = Buffer.alloc(32, 7)
  const aad = Buffer.from('aad')
  const plaintext = Buffer.from('a body that is longer than one block of AES')
  const sealed = Buffer.concat([Buffer.alloc(28), plaintext])
  const layout = Uint32Array.of(0, 12, 28, sealed.length, 0, aad.length)
  const key = binding.createKey(bytes)
  binding.seal(key, 2 ** 40 + 1, sealed, aad, layout)

  const iv = Buffer.from('000000000000010000000001', 'hex')
  const cipher = createCipheriv('aes-256-gcm', bytes, iv).setAAD(aad)
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const same = sealed.equals(Buffer.concat([iv, cipher.getAuthTag(), body]))

  const target = Buffer.alloc(sealed.length)
  const [from, length] = [28, plaintext.length]
  binding.sealInto(
    key,
    2 ** 40 + 1,
    plaintext,
    target,
    aad,
    Uint32Array.of(0, 12, 0, length, 0, aad.length, from),
  )
  const sealsInto = target.equals(Buffer.concat([iv, cipher.getAuthTag(), body]))
  const back = Buffer.alloc(length)
  const into = Uint32Array.of(0, 12, from, target.length, 0, aad.length, 0)
  const opened = new Uint8Array(1)
  const opensInto =
    binding.openInto(key, target, back, aad, into, opened) === 0 && opened[0] === 1 && back.equals(plaintext)
  const alone = Buffer.alloc(length)
  const opensOne = binding.openOne(key, target, alone, aad, 0, 12, from) && alone.equals(plaintext)

  target[12] ^= 1
  const nothing = Buffer.alloc(length)
  const refusesInto =
    binding.openInto(key, target, back, aad, into, opened) === 1 && opened[0] === 0 && back.equals(nothing)
  const refusesOne = !binding.openOne(key, target, alone, aad, 0, 12, from) && alone.equals(nothing)
  binding.destroyKey(key)
  return same && sealsInto && opensInto && opensOne && refusesInto && refusesOne
}

/**
 * Whether it and `node:zlib` read what the other writes.
 * @param {Binding} binding
 */
function compresses(binding) {
  const dictionary = Buffer.from('a value that has much in common with its dictionary')
  const plaintext = Buffer.from('another value that has much in common with its dictionary')
  const deflater = binding.createDeflater(dictionary)
  const inflater = binding.createInflater(dictionary)
  const target = Buffer.alloc(2 * plaintext.length)
  // The second time, it has used its stream before.
  const deflates = [1, 2].every(() => {
    const length = Math.max(binding.deflate(deflater, plaintext, target), 0)
    return inflateRawSync(target.subarray(0, length), { dictionary }).equals(plaintext)
  })
  const stream = deflateRawSync(plaintext, { dictionary })
  const inflates = [1, 2].every(() => {
    const length = binding.inflate(inflater, stream, target)
    return length === plaintext.length && target.subarray(0, length).equals(plaintext)
  })
  const refuses =
    binding.inflate(inflater, stream.subarray(0, -1), target) === -1 &&
    binding.inflate(inflater, Buffer.concat([stream, Buffer.alloc(1)]), target) === -1
  return deflates && inflates && refuses
}

/**
 * A binary may have been tried on other platforms only.
 * @param {Binding} binding
 */
function selfTest(binding) {
  let passed = false
  let cause
  try {
    passed = encrypts(binding) && compresses(binding)
  } catch (error) {
    cause = error
  }
  if (!passed)
    throw failure('NATIVE_SELF_TEST', 'the binary does not work as node:crypto and node:zlib do', cause)
}

const binding = load()
selfTest(binding)

exports.interfaceVersion = 3
exports.createKey = binding.createKey
exports.destroyKey = binding.destroyKey
exports.seal = binding.seal
exports.sealInto = binding.sealInto
exports.openInto = binding.openInto
exports.openOne = binding.openOne
exports.createDeflater = binding.createDeflater
exports.createInflater = binding.createInflater
exports.deflate = binding.deflate
exports.inflate = binding.inflate
