import { isScalar } from 'yaml'

/** The name of a member: text, or a plain whole number as written, such as that of a partition. */
export function nameOf(key: unknown): string | undefined {
  if (!isScalar(key) || key.tag !== undefined) return undefined
  if (typeof key.value === 'string') return key.value
  const { source } = key
  return source !== undefined && /^(0|[1-9][0-9]*)$/.test(source) ? source : undefined
}
