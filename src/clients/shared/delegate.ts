/**
 * An object with its own members; all others are those of the inner object, including inherited ones. Its methods run
 * on the inner object, which may have private fields. All are the new object's own, so that a copy by spread keeps
 * them, and may be replaced, as tracers do.
 */
export function delegate<T extends object>(inner: T, own: Partial<T>): T {
  const outer = Object.create(Object.getPrototypeOf(inner) as object | null) as T
  for (let at: object | null = inner; at !== null && at !== Object.prototype; at = parentOf(at)) {
    for (const name of Reflect.ownKeys(at)) {
      if (name === 'constructor' || Object.hasOwn(outer, name)) continue
      Object.defineProperty(outer, name, memberOf(inner, name, Reflect.getOwnPropertyDescriptor(at, name)))
    }
  }
  for (const name of Reflect.ownKeys(own)) {
    const value: unknown = Reflect.get(own, name)
    Object.defineProperty(outer, name, { value, writable: true, enumerable: true, configurable: true })
  }
  return outer
}

function memberOf(
  inner: object,
  name: PropertyKey,
  found: PropertyDescriptor | undefined,
): PropertyDescriptor {
  const read = (): unknown => Reflect.get(inner, name) as unknown
  const common = { enumerable: true, configurable: true }
  if (found?.get ?? found?.set) {
    return { ...common, get: read, set: (value: unknown) => void Reflect.set(inner, name, value) }
  }
  const value = read()
  return {
    ...common,
    writable: true,
    value: typeof value === 'function' ? (value.bind(inner) as unknown) : value,
  }
}

function parentOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null
}
