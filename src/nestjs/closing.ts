import type { Encryption } from '../encryption.js'

interface Closable {
  close(): Promise<void>
}

/** The clients and servers that are open, for each encryption. */
const OPEN = new WeakMap<Encryption, Set<Closable>>()

export function opened(encryption: Encryption, one: Closable): void {
  const open = OPEN.get(encryption) ?? new Set()
  OPEN.set(encryption, open.add(one))
}

export function closed(encryption: Encryption, one: Closable): void {
  OPEN.get(encryption)?.delete(one)
}

/** Closes an encryption after the clients and servers that need its keys, in whatever order Nest calls its hooks. */
export async function closeInOrder(encryption: Encryption): Promise<void> {
  const open = [...(OPEN.get(encryption) ?? [])]
  const outcomes = await Promise.allSettled(open.map((one) => one.close()))
  await encryption.close()
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
