/** An error that a caller gets as an answer, with a code that the vendor documents. Never contains key bytes or plaintext. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
