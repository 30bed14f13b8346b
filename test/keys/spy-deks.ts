import { onTestFinished, vi } from 'vitest'
import { Dek } from '../../src/crypto/dek.js'

/** Every DEK that is taken from now to the end of the test. */
export function takenDeks(): readonly Dek[] {
  const taken: Dek[] = []
  const take = Dek.take.bind(Dek)
  const spy = vi.spyOn(Dek, 'take').mockImplementation((bytes) => {
    const dek = take(bytes)
    taken.push(dek)
    return dek
  })
  onTestFinished(() => {
    spy.mockRestore()
  })
  return taken
}
