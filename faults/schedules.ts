import { readdir } from 'node:fs/promises'
import type { Schedule } from './harness/schedule.js'

const FOLDER = new URL('schedules/', import.meta.url)

/** All schedules: the lists that the files of `faults/schedules/` export by default. */
export async function allSchedules(): Promise<Schedule[]> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.ts')).sort()
  const modules = await Promise.all(
    files.map(
      (file) => import(new URL(file, FOLDER).href) as Promise<{ readonly default: readonly Schedule[] }>,
    ),
  )
  return modules.flatMap((module) => module.default)
}
