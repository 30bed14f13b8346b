// Not the global, which is a getter: its cost shows where it is called for each record.
import { Buffer } from 'node:buffer'
import { markAsUntransferable } from 'node:worker_threads'

/** How much memory plaintexts share. */
export const SHARED_BYTES: number = 2 ** 15
/** A larger plaintext that is opened alone has memory of its own. */
const SMALL_BYTES = 2 ** 12

/**
 * Memory for plaintexts. Node.js takes as long to allocate a kilobyte as to open it, so small plaintexts share memory, as
 * small Buffers of Node.js do. They share it only with plaintexts that were sealed under the same key: code that reads
 * beyond one of them finds nothing that this key does not open. No part of it is handed out twice.
 */
export class PlaintextMemory {
  #key: object | undefined
  #shared: ArrayBuffer | undefined
  #used = 0

  /**
   * Memory for a plaintext that is opened alone, as in `eachMessage`. The first one under a key has memory of its own;
   * those that follow under the same key share it.
   */
  forOne(key: object, bytes: number): Buffer {
    if (key !== this.#key) {
      this.#key = key
      this.#shared = undefined
      return Buffer.allocUnsafeSlow(bytes)
    }
    if (bytes > SMALL_BYTES) return Buffer.allocUnsafeSlow(bytes)
    if (this.#shared === undefined || this.#used + bytes > SHARED_BYTES) {
      // Zeroed, so that the unused part shows nothing that the process has freed.
      this.#shared = new ArrayBuffer(SHARED_BYTES)
      markAsUntransferable(this.#shared)
      this.#used = 0
    }
    const at = this.#used
    this.#used += bytes
    return Buffer.from(this.#shared, at, bytes)
  }

  /** Unwritten memory for plaintexts that one key opens, which fill it side by side. */
  forSeveral(bytes: number): Buffer {
    return untransferable(Buffer.allocUnsafeSlow(bytes))
  }
}

/** Transferring one plaintext to a worker must not take the others away. */
function untransferable(shared: Buffer): Buffer {
  markAsUntransferable(shared.buffer)
  return shared
}
