import { accepted } from '../../property/agreement.js'

/** The input is a record value. */
export function fuzz(input: Buffer): void {
  accepted(input)
}
