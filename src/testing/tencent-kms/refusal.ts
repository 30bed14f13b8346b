/** An error that goes out on the wire, by the code that the vendor documents. Never contains key bytes or plaintext. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
