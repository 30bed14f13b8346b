/** Nest's header for the error of a handler. */
export const ERROR_HEADER = 'kafka_nest-err'

/** What the header says if the error is in the sealed value. Callers without a sealed client get this as the error. */
export const ERROR_IS_SEALED = errorText('The error is in the sealed value of the reply')

/** What the caller gets instead of an error that only the header has: anyone who can write to the topic could have put it there. */
export const ERROR_NOT_AUTHENTIC = errorText(
  'The error of the reply is not authentic, because it was not sealed',
)

/** The first bytes of a value that is an error. No text in UTF-8 begins with the first one. */
const PREFIX = Buffer.from('\u00ffnest-err:', 'latin1')

/** The value of a reply, for the text that Nest would put into the header. */
export function valueOfError(text: string | Buffer): Buffer {
  return Buffer.concat([PREFIX, Buffer.from(text as string)])
}

/** The text of the error that a value is; undefined if it is none. */
export function errorOfValue(value: Buffer | null): Buffer | undefined {
  return value?.subarray(0, PREFIX.length).equals(PREFIX) === true ? value.subarray(PREFIX.length) : undefined
}

/** An error in the form that Nest gives those of its own. */
function errorText(message: string): string {
  return JSON.stringify({ status: 'error', message })
}
