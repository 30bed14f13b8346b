import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The first release of Debian whose C library is new enough for the addon (2.38). */
const SUITE = 'trixie'
const LOADERS: Partial<Record<string, string>> = {
  x64: 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  arm64: 'usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1',
}
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * The command that runs Node.js so that Jazzer.js can load its addon: Node.js itself, or, on a Debian whose C library is too old
 * for the addon, Node.js on the next release's, which is laid into `folder` and touches nothing else.
 */
export function fuzzingNode(folder: string): readonly string[] {
  const own = [process.execPath]
  const problem = loadFailure(own)
  if (problem === undefined) return own
  const beside = onNewerLibrary(folder)
  if (beside === undefined || loadFailure(beside) !== undefined)
    throw new Error(
      `Jazzer.js does not load here (it needs glibc 2.38 or later, macOS, or Windows):\n${problem}`,
    )
  return beside
}

function loadFailure([command = '', ...args]: readonly string[]): string | undefined {
  const { status, stderr } = spawnSync(command, [...args, '-e', "require('@jazzer.js/fuzzer')"], {
    encoding: 'utf8',
  })
  return status === 0 ? undefined : (/^Error: .*/m.exec(stderr)?.[0] ?? stderr)
}

function onNewerLibrary(folder: string): readonly string[] | undefined {
  const path = LOADERS[process.arch]
  if (path === undefined || !existsSync('/usr/bin/apt-get') || !existsSync(KEYS)) return undefined
  const loader = resolve(folder, 'root', path)
  if (!existsSync(loader)) layLibrary(folder)
  return [loader, '--library-path', dirname(loader), process.execPath]
}

/** From the mirror that this machine's apt uses, by apt, with apt's checks, in folders of our own. */
function layLibrary(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  for (const part of ['lists/partial', 'archives/partial']) mkdirSync(join(folder, part), { recursive: true })
  const path = resolve(folder)
  const lists = `Dir::State::lists=${path}/lists`
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? ''
  const sources = run('apt-get', ['-o', lists, 'update', '--print-uris'], folder)
  const [, mirror] = new RegExp(`^'(\\S+)/dists/${codename}/InRelease'`, 'm').exec(sources) ?? []
  if (mirror === undefined) return
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${KEYS}] ${mirror} ${SUITE} main\n`)
  const options = [
    `Dir::Etc::sourcelist=${path}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    lists,
    `Dir::Cache=${path}`,
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option])
  run('apt-get', [...options, '-qq', 'update'], folder)
  run('apt-get', [...options, '-qq', 'download', 'libc6', 'libstdc++6', 'libgcc-s1'], folder)
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb')))
    run('dpkg-deb', ['-x', file, 'unpacked'], folder)
  renameSync(join(folder, 'unpacked'), join(folder, 'root'))
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8' })
}
