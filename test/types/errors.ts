/* The types of an error's members once its code is known. */
import { isEnvelopeError, type ConfigIssue, type FailureKind } from '../../src/index.js'

const kinds = <Kind extends FailureKind | undefined>(kind: Kind): Kind => kind

export function narrowed(error: unknown): readonly ConfigIssue[] | string | undefined {
  if (!isEnvelopeError(error)) return undefined
  switch (error.code) {
    case 'CONFIG_INVALID':
      kinds<undefined>(error.kind)
      return error.issues
    // @ts-expect-error there is no such code
    case 'CONFIG_WRONG':
      return undefined
    case 'KMS_THROTTLED':
      kinds<'transient'>(error.kind)
      return error.kmsCode ?? error.requestId
    case 'KMS_DENIED':
      kinds<'unreadable'>(error.kind)
      // @ts-expect-error a denial has no mistakes of a configuration
      error.issues satisfies readonly [ConfigIssue, ...ConfigIssue[]]
      return error.kmsCode
    case 'NOT_SEALED':
      kinds<'invalid'>(error.kind)
      error.kmsCode satisfies undefined
      // @ts-expect-error no KMS had a part in it
      error.kmsCode satisfies string
      return undefined
    default:
      return error.retriable ? 'later' : error.kind
  }
}

export function issuesOf(error: unknown): readonly ConfigIssue[] {
  if (isEnvelopeError(error) && error.code === 'CONFIG_INVALID') return error.issues
  throw error
}
