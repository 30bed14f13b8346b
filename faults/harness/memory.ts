import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from './child.js'
import type { Point } from './slope.js'

export interface Watch {
  /** What is seen meanwhile is not kept. */
  readonly warmUpMs: number
  readonly forMs: number
  readonly everyMs: number
}

const MIB = 2 ** 20

/**
 * Looks at the memory of processes at intervals, after a forced collection. Returns a series for each process and kind,
 * as `consumer-0 heap`: MiB of heap and of resident memory, and the number of open handles.
 */
export async function watchMemory(
  children: readonly Child[],
  { warmUpMs, forMs, everyMs }: Watch,
): Promise<Record<string, Point[]>> {
  const series: Record<string, Point[]> = {}
  const started = performance.now()
  for (let atMs = 0; atMs <= warmUpMs + forMs; atMs += everyMs) {
    await sleep(Math.max(0, started + atMs - performance.now()))
    for (const child of children) {
      const { heapBytes, residentBytes, handles } = await child.memory()
      // Looked at all the same: a collection that is forced for the first time changes how much memory stays resident.
      if (atMs < warmUpMs) continue
      const note = (what: string, value: number): void => {
        const points = (series[`${child.name} ${what}`] ??= [])
        points.push([(atMs - warmUpMs) / 1000, Math.round(value * 100) / 100])
      }
      note('heap', heapBytes / MIB)
      note('resident', residentBytes / MIB)
      note('handles', handles)
    }
  }
  return series
}
