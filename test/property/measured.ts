import { Session } from 'node:inspector/promises'

/** The work that was done, in figures that do not depend on the machine. */
export interface Cost {
  /** Blocks of the library's code that were executed, as V8 counts them for coverage. */
  readonly steps: number
  /** Bytes of buffers that were asked for, by the library and by zlib for it. */
  readonly allocated: number
}

const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

let allocated = 0
for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
  const original = Buffer[name].bind(Buffer) as (size: number, ...rest: unknown[]) => Buffer
  Buffer[name] = ((size: number, ...rest: unknown[]) => {
    allocated += size
    return original(size, ...rest)
  }) as typeof Buffer.alloc
}
const from = Buffer.from.bind(Buffer) as (...args: unknown[]) => Buffer
Buffer.from = ((...args: unknown[]) => {
  const made = from(...args)
  allocated += made.length
  return made
}) as typeof Buffer.from

/** Where the library is, and what it keeps its caches in. */
const COUNTED = /\/src\/(?!index)|\/lru-cache\//

/** Runs it and counts. Do not use it together with other coverage: reading the counters resets them. */
export async function measured<T>(run: () => Promise<T>): Promise<{ cost: Cost; result: T }> {
  await session.post('Profiler.takePreciseCoverage')
  allocated = 0
  const result = await run()
  const asked = allocated
  const { result: scripts } = await session.post('Profiler.takePreciseCoverage')
  let steps = 0
  for (const { url, functions } of scripts)
    if (COUNTED.test(url)) for (const { ranges } of functions) for (const { count } of ranges) steps += count
  return { cost: { steps, allocated: asked }, result }
}
