/** A CMK of Cloud KMS, by its name in configuration and on the wire. */
export interface CmkName {
  /** `projects/…/locations/…/keyRings/…/cryptoKeys/…`. */
  readonly id: string
  readonly project: string
  readonly location: string
}

/**
 * The project by its id, which the service repeats in its answers, and not by its number. No part needs an escape in
 * a URL.
 */
const NAME =
  /^projects\/((?:[a-z0-9.-]{1,80}:)?[a-z][a-z0-9-]{4,28}[a-z0-9])\/locations\/([a-z0-9-]{1,63})\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/

/** Undefined if `id` is not the resource name of a key. */
export function parseCmkName(id: string): CmkName | undefined {
  const [, project, location] = NAME.exec(id) ?? []
  return project === undefined || location === undefined ? undefined : { id, project, location }
}
