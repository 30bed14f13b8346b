import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/*
 * Tries the packed tarballs as users would: each folder of `test/package` is copied, with `shared`, to a place that
 * does not see this repository, and runs its `npm test` on the library's tarball. The tarball of the emulator is placed
 * next to the folder, for projects that depend on it. Arguments name folders; the default is all.
 */

const PROJECTS = 'test/package'
const SHARED = join(PROJECTS, 'shared')
const names = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(PROJECTS)

const work = mkdtempSync(join(tmpdir(), 'kafka-envelope-package-'))
try {
  run('.', 'npm', 'pack', '--silent', '--workspaces', '--include-workspace-root', '--pack-destination', work)
  for (const file of readdirSync(work)) {
    renameSync(join(work, file), join(work, file.replace(/-\d[^-]*\.tgz$/, '.tgz')))
  }
  const tarball = join(work, 'kafka-envelope.tgz')
  const projects = names.filter((name) => join(PROJECTS, name) !== SHARED)
  const failed = projects.filter((name) => !works(name, tarball))
  console.log(
    `package: ${String(projects.length - failed.length)} projects work, ${String(failed.length)} do not`,
  )
  process.exitCode = failed.length === 0 ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function works(name: string, tarball: string): boolean {
  const started = performance.now()
  const folder = join(work, name)
  cpSync(SHARED, folder, { recursive: true })
  cpSync(join(PROJECTS, name), folder, { recursive: true })
  let outcome = 'ok'
  try {
    run(folder, 'npm', 'install', '--silent', '--prefer-offline', '--no-audit', tarball)
    run(folder, 'kafka-envelope', 'keyring', 'create', 'dev.keyring', '--cmk', 'orders')
    run(folder, 'npm', 'test', '--silent')
  } catch (error) {
    outcome = `FAILED: ${String(error)}`
  }
  console.log(`package: ${name}: ${outcome}, ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return outcome === 'ok'
}

function run(folder: string, program: string, ...args: string[]): void {
  const PATH = [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
  execFileSync(program, args, {
    cwd: folder,
    timeout: 300_000,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH, NODE_ENV: '' },
  })
}
