import { InvalidArgumentError } from 'commander'

const HEX = 'hex:'

/** Parses the key of records: text, or bytes as `hex:` and hex digits. */
export function keyOf(given: string): Buffer {
  if (!given.startsWith(HEX)) return Buffer.from(given)
  const digits = given.slice(HEX.length)
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) {
    throw new InvalidArgumentError('Expected pairs of hex digits after hex:.')
  }
  return Buffer.from(digits, 'hex')
}
