import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import type { Machine } from './result.js'

/** What a reader must know of a machine to compare results. */
export function machine(): Machine {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  return {
    startedAt: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD'),
    hasChanges: git('status', '--porcelain', '--untracked-files=no') !== '',
    node: process.versions.node,
    openssl: process.versions.openssl,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg().map((load) => Math.round(load * 100) / 100),
  }
}
