/** Nest's header for the error of a handler. */
export const ERROR_HEADER = 'kafka_nest-err'

/** What the header says if the error is in the sealed value. Callers without a sealed client get this as the error. */
export const ERROR_IS_SEALED = errorText('The error is in the sealed value of the reply')

/** What the caller gets instead of a null value or an error that anyone who can write to the topic could have put there. */
export const NOT_AUTHENTIC = errorText(
  'The reply is not authentic, because its value or its error was not sealed',
)

/** The first bytes of values that are not what the handler returned. No text in UTF-8 begins with the first one. */
const MARK = Buffer.from('\u00ffnest-', 'latin1')
const ERROR = kind('err:')
/** Instead of a null value, which would not be sealed: anyone could send one as the answer to any request. */
const NULL = kind('nil:')
/** Before a value that itself begins with `MARK`: it must not pass for an error. */
const VALUE = kind('val:')

type Value = Buffer | string | null

/** The value of a sealed reply, for the text of an error that Nest would put into the header. */
export function valueOfError(text: string | Buffer): Buffer {
  return Buffer.concat([ERROR, Buffer.from(text as string)])
}

/** The value of a sealed reply, for the value that Nest would send. */
export function valueOfReply(value: Value): Buffer | string {
  return value === null ? NULL : marked(value)
}

/** A value, so that it does not pass for one of the others. */
export function marked<V extends Value>(value: V): V | Buffer {
  return Buffer.isBuffer(value) && startsWith(value, MARK) ? Buffer.concat([VALUE, value]) : value
}

/** What a value says: the value that Nest would have sent, or the text of an error. */
export function contentOf(value: Buffer): { readonly error: Buffer } | { readonly value: Buffer | null } {
  if (startsWith(value, ERROR)) return { error: value.subarray(ERROR.length) }
  if (startsWith(value, VALUE)) return { value: value.subarray(VALUE.length) }
  return { value: value.equals(NULL) ? null : value }
}

function kind(name: string): Buffer {
  return Buffer.concat([MARK, Buffer.from(name)])
}

function startsWith(value: Buffer, start: Buffer): boolean {
  return value.subarray(0, start.length).equals(start)
}

/** An error in the form that Nest gives those of its own. */
function errorText(message: string): string {
  return JSON.stringify({ status: 'error', message })
}
