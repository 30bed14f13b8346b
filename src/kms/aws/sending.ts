import type { SdkCommand } from './sdk.js'

/**
 * Watches a command on its way through a client of the SDK. A client asks other services for credentials before it sends,
 * such as STS, whose errors look like those of KMS.
 */
export class Sending {
  #begun = false
  #sent = false

  constructor({ middlewareStack }: SdkCommand) {
    const noting = (note: () => void) => (next: (args: unknown) => unknown) => (args: unknown) => {
      note()
      return next(args)
    }
    const begin = noting(() => (this.#begun = true))
    // The step after the one in which the SDK signs.
    const send = noting(() => (this.#sent = true))
    middlewareStack.add(begin, { step: 'initialize' })
    middlewareStack.add(send, { step: 'deserialize' })
  }

  /** Whether the command cannot have reached KMS. False if the client is not one of the SDK. */
  get failedBefore(): boolean {
    return this.#begun && !this.#sent
  }
}
