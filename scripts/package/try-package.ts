import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { sideBySide, succeeds } from '../side-by-side.js'

/*
 * Tries the packed tarballs as users would: each folder of `test/package` is copied, with `shared`, to a place that
 * does not see this repository, and runs its `npm test` on the library's tarball. The tarball of the emulator is placed
 * next to the folder, for projects that depend on it. Several projects run at the same time; the output of each comes
 * when it is done. Arguments name folders; the default is all.
 */

const PROJECTS = 'test/package'
const SHARED = join(PROJECTS, 'shared')
const names = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(PROJECTS)
const COMMANDS = [
  ['npm', 'install', '--silent', '--prefer-offline', '--no-audit', '../kafka-envelope.tgz'],
  ['kafka-envelope', 'keyring', 'create', 'dev.keyring', '--cmk', 'orders'],
  ['npm', 'test', '--silent'],
]

const work = mkdtempSync(join(tmpdir(), 'kafka-envelope-package-'))
try {
  pack()
  const projects = names.filter((name) => join(PROJECTS, name) !== SHARED)
  const allWork = await sideBySide(projects, works)
  console.log(`package: ${String(projects.length)} projects, ${allWork ? 'all work' : 'not all work'}`)
  process.exitCode = allWork ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function pack(): void {
  execFileSync(
    'npm',
    ['pack', '--silent', '--workspaces', '--include-workspace-root', '--pack-destination', work],
    { stdio: 'inherit' },
  )
  for (const file of readdirSync(work)) {
    renameSync(join(work, file), join(work, file.replace(/-\d[^-]*\.tgz$/, '.tgz')))
  }
}

async function works(name: string): Promise<boolean> {
  const started = performance.now()
  const folder = join(work, name)
  cpSync(SHARED, folder, { recursive: true })
  cpSync(join(PROJECTS, name), folder, { recursive: true })
  const PATH = [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
  const options = { cwd: folder, timeout: 300_000, env: { ...process.env, PATH, NODE_ENV: '' } }
  const log = `${folder}.log`
  let outcome = 'ok'
  for (const command of COMMANDS) {
    if (await succeeds(command, log, options)) continue
    outcome = `FAILED at ${command.join(' ')}`
    break
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`${readFileSync(log, 'utf8')}package: ${name}: ${outcome}, ${seconds} s`)
  return outcome === 'ok'
}
