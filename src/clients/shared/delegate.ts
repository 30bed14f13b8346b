/**
 * An object with its own members; all others are those of the inner object, including inherited ones. Its methods run
 * on the inner object, which may have private fields. All are the new object's own, so that a copy by spread keeps
 * them, and may be replaced, as tracers do. An own member may be a getter.
 */
export function delegate<T extends object>(inner: T, own: Partial<T>): T {
  const outer = Object.create(Object.getPrototypeOf(inner) as object | null) as T
  for (let at: object | null = inner; at !== null && at !== Object.prototype; at = parentOf(at)) {
    for (const name of Reflect.ownKeys(at)) {
      if (name === 'constructor' || Object.hasOwn(outer, name)) continue
      const found = Reflect.getOwnPropertyDescriptor(at, name)
      Object.defineProperty(outer, name, memberOf(inner, name, found, outer))
    }
  }
  for (const name of Reflect.ownKeys(own)) {
    const { get } = Reflect.getOwnPropertyDescriptor(own, name) ?? {}
    const common = { enumerable: true, configurable: true }
    const value: unknown = get === undefined ? Reflect.get(own, name) : undefined
    Object.defineProperty(outer, name, get ? { ...common, get } : { ...common, value, writable: true })
  }
  return outer
}

function memberOf(
  inner: object,
  name: PropertyKey,
  found: PropertyDescriptor | undefined,
  outer: object,
): PropertyDescriptor {
  const read = (): unknown => Reflect.get(inner, name) as unknown
  const common = { enumerable: true, configurable: true }
  const value = found?.get ? undefined : read()
  if (typeof value === 'function')
    return { ...common, writable: true, value: boundTo(inner, value as Method, outer) }
  // Also a plain value may change later.
  return { ...common, get: read, set: (other: unknown) => void Reflect.set(inner, name, other) }
}

type Method = (...args: unknown[]) => unknown

/** A method that returns its object, as `on` of an emitter does, must not give away the inner one. */
function boundTo(inner: object, method: Method, outer: object): Method {
  return (...args) => {
    const result = method.apply(inner, args)
    return result === inner ? outer : result
  }
}

function parentOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null
}
