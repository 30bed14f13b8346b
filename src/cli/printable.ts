import { isUtf8 } from 'node:buffer'

/** Characters that a terminal does not show as what they are: control, format and bidi characters, odd spaces. */
const UNSEEN = /^[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]$/u
const EACH_UNSEEN = new RegExp(UNSEEN.source.slice(1, -1), 'gu')

/** Bytes as text. What is not UTF-8, or would not be seen, is escaped byte by byte, as in `\x00`. */
export function printable(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const character = characterAt(bytes, at) ?? bytes.subarray(at, at + 1)
    text += isUtf8(character) ? shown(character) : escaped(character)
    at += character.length
  }
  return text
}

/** Text from records, files or a cluster, with everything escaped that would not be seen. */
export function printableText(text: string): string {
  return printable(Buffer.from(text))
}

/** The bytes of the UTF-8 character that begins there, if one does. */
function characterAt(bytes: Buffer, start: number): Buffer | undefined {
  return [1, 2, 3, 4].map((length) => bytes.subarray(start, start + length)).find((part) => isUtf8(part))
}

function shown(character: Buffer): string {
  const text = character.toString()
  if (text === '\\') return '\\\\'
  return text !== ' ' && UNSEEN.test(text) ? escaped(character) : text
}

function escaped(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

/**
 * Text that is one line, with everything escaped that would not be seen. Backslashes stay as they are, so that JSON stays
 * JSON.
 */
export function printableLine(text: string): string {
  return text.replaceAll(EACH_UNSEEN, (found) => (found === ' ' ? found : escaped(Buffer.from(found))))
}
