/** A key of a transit engine, by its name in configuration and on the wire. */
export interface CmkName {
  /** `<name>/<key>`. */
  readonly id: string
  /** The name of the key in the transit engine. It becomes part of a path, so it is checked before any use. */
  readonly key: string
}

/** The names that the transit engine accepts. */
const KEY = /^\w(?:[\w.-]*\w)?$/

/** The name of a transit engine in envelopes: a DNS name, so that no other organisation uses the same one. */
export const ENGINE_NAME = /^(?=.{1,128}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/

/** Undefined if `id` is not a key of the engine that envelopes call `name`. */
export function parseCmkName(id: string, name: string): CmkName | undefined {
  const prefix = `${name}/`
  const key = id.slice(prefix.length)
  return id.startsWith(prefix) && KEY.test(key) ? { id, key } : undefined
}
