import { open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { EnvelopeError } from '../errors.js'
import { codeOf } from './system-code.js'

/** Who holds a lock. */
interface Holder {
  readonly pid: number
  readonly host: string
  /** When its process started, in the kernel's own count; undefined where the system does not tell. */
  readonly started?: string | undefined
}

/**
 * Takes `FILE.lock`, which a process that ended without releasing it leaves behind. Returns a function that releases it.
 * @throws EnvelopeError AUDIT_LOG_IN_USE if a process that may be alive holds it
 */
export async function lockFile(file: string): Promise<() => Promise<void>> {
  const lock = `${file}.lock`
  if (!(await created(lock))) await takeOver(lock)
  return async () => {
    // Someone may have removed it, and another process may have taken it since.
    const holder = await holderOf(lock)
    if (holder?.pid === process.pid && holder.host === hostname()) await rm(lock, { force: true })
  }
}

/** Only one process at a time may judge that a lock is abandoned: a second might remove the lock of the first. */
async function takeOver(lock: string): Promise<void> {
  const judging = `${lock}.takeover`
  if (!(await created(judging))) throw inUse(judging)
  try {
    const holder = await holderOf(lock)
    if (holder === undefined || (await mayBeAlive(holder))) throw inUse(lock)
    await rm(lock, { force: true })
    if (!(await created(lock))) throw inUse(lock)
  } finally {
    await rm(judging, { force: true })
  }
}

async function created(file: string): Promise<boolean> {
  const holder: Holder = { pid: process.pid, host: hostname(), started: await startOf(process.pid) }
  try {
    const handle = await open(file, 'wx', 0o600)
    await handle.writeFile(JSON.stringify(holder)).finally(() => handle.close())
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Undefined if the lock is not readable, or not one of ours: it may be being written. */
async function holderOf(lock: string): Promise<Holder | undefined> {
  try {
    const found = JSON.parse(await readFile(lock, 'utf8')) as Partial<Holder> | null
    const { pid, host, started } = found ?? {}
    return typeof pid === 'number' && pid > 0 && typeof host === 'string' ? { pid, host, started } : undefined
  } catch {
    return undefined
  }
}

async function mayBeAlive({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
  }
  // Another process may have the same number by now: in a container, the one that follows usually does.
  const now = await startOf(pid)
  return started === undefined || now === undefined || now === started
}

/** When a process started, in ticks since the boot; undefined if the system does not tell (outside Linux). */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'latin1')
    // The name of the program, in parentheses, may contain anything. The start is field 22, the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function inUse(lock: string): EnvelopeError {
  return new EnvelopeError('AUDIT_LOG_IN_USE', `${lock} exists, and its process may be alive`)
}
