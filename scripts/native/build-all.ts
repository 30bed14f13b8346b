import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, ELF, isCurrent, PREBUILDS, ROOT } from './compile.js'

/*
 * Makes the binaries of the native engine for all platforms, with Zig as a cross compiler. The same sources give the same
 * bytes on any machine with Linux x64: the compiler is pinned by version and hash. Packing the package runs it; it makes
 * what is older than its sources.
 */

const MACH_O = ['-Wl,-undefined,dynamic_lookup', '-Wl,-install_name,kafka-envelope.node']
// Node.js 20 asks for glibc 2.28 and macOS 11 itself.
const TARGETS: readonly { platform: string; zig: string; linking: readonly string[] }[] = [
  { platform: 'linux-x64', zig: 'x86_64-linux-gnu.2.28', linking: ELF },
  { platform: 'linux-x64-musl', zig: 'x86_64-linux-musl', linking: ELF },
  { platform: 'linux-arm64', zig: 'aarch64-linux-gnu.2.28', linking: ELF },
  { platform: 'linux-arm64-musl', zig: 'aarch64-linux-musl', linking: ELF },
  { platform: 'darwin-x64', zig: 'x86_64-macos.11.0', linking: MACH_O },
  { platform: 'darwin-arm64', zig: 'aarch64-macos.11.0', linking: MACH_O },
  { platform: 'win32-x64', zig: 'x86_64-windows-gnu', linking: ['node.lib'] },
]

const fileFor = (platform: string): string => join(PREBUILDS, platform, 'kafka-envelope.node')
const stale = TARGETS.filter(({ platform }) => !isCurrent(fileFor(platform)))
if (stale.length > 0) build()
for (const { platform } of TARGETS) {
  const bytes = readFileSync(fileFor(platform))
  const hash = createHash('sha256').update(bytes).digest('hex')
  console.log(`${platform.padEnd(17)} ${String(bytes.length).padStart(6)} B  sha256 ${hash}`)
}

function build(): void {
  const work = mkdtempSync(join(tmpdir(), 'kafka-envelope-native-'))
  try {
    const zig = installedZig()
    makeImportLibrary(zig, work)
    for (const { platform, zig: target, linking } of stale) {
      compile([...zig, 'cc', '-target', target, '-s'], linking, fileFor(platform), work)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The command that runs Zig, from an environment of its own. */
function installedZig(): readonly string[] {
  const requirements = join(ROOT, 'scripts/native/zig-requirements.txt')
  const name = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16)
  const folder = join(ROOT, '.cache/native', `zig-${name}`)
  const python = join(folder, 'bin/python')
  const installed = join(folder, 'installed')
  if (!existsSync(installed)) {
    mkdirSync(folder, { recursive: true })
    execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: 'inherit' })
    const options = ['--quiet', '--disable-pip-version-check', '--require-hashes', '--no-deps']
    execFileSync(python, ['-m', 'pip', 'install', ...options, '-r', requirements], { stdio: 'inherit' })
    writeFileSync(installed, '')
  }
  return [python, '-m', 'ziglang']
}

/** Windows: a library that says which symbols node.exe has, as node.lib in the folder for work. */
function makeImportLibrary(zig: readonly string[], work: string): void {
  const definitions = ['js_native_api', 'node_api'].map((name) =>
    readFileSync(new URL(`def/${name}.def`, import.meta.resolve('node-api-headers')), 'utf8')
      .replace(/^NAME NODE\.EXE\s+EXPORTS\s+/, '')
      .trim(),
  )
  const called = ['openssl', 'zlib'].flatMap((name) => [
    ...readFileSync(join(ROOT, `native/src/${name}.h`), 'utf8').matchAll(
      /^[^*].*?\b((?:EVP|ERR|OPENSSL)_\w+|(?:de|in)flate\w*)\(/gm,
    ),
  ])
  const symbols = [...definitions, ...called.map(([, name = '']) => name)]
  writeFileSync(join(work, 'node.def'), ['NAME NODE.EXE', 'EXPORTS', ...symbols, ''].join('\n'))
  const [program = '', ...args] = zig
  execFileSync(program, [...args, 'dlltool', '-d', 'node.def', '-l', 'node.lib', '-m', 'i386:x86-64'], {
    cwd: work,
  })
}
