import { afterAll, vi } from 'vitest'

const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = globalThis
const timers = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate }

// Unit tests share a process: no file leaves a spy, a clock or a variable to the next one.
afterAll(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  // A spy on a fake timer that is restored after the fake was would bring the fake back.
  Object.assign(globalThis, timers)
})
