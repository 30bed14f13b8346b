import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = join(ROOT, 'native/src')
const HEADERS = fileURLToPath(new URL('include', import.meta.resolve('node-api-headers')))

/** The result of `npm run build:native`, which the loader prefers. */
export const BINARY = join(ROOT, 'native/build/kafka-envelope.node')

/** The result of `npm run build:native:all`, which the package contains. */
export const PREBUILDS = join(ROOT, 'native/prebuilds')

/** Warnings are errors, the stack is guarded, and the binary exports nothing but what Node.js looks for. */
const FLAGS = [
  ...['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-Wpedantic', '-Wconversion', '-Wshadow'],
  ...['-fPIC', '-shared', '-fstack-protector-strong', '-fvisibility=hidden', '-fno-ident'],
  // The oldest Node-API with all that the addon needs; each Node.js since 16 has it.
  ...['-DNAPI_VERSION=8', `-I${HEADERS}`],
]

/** The C files of the addon. */
function sources(): string[] {
  return readdirSync(SOURCES)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(SOURCES, name))
}

/** For linkers of ELF: all symbols are looked up at once, so that a Node.js without OpenSSL fails to load it. */
export const ELF = ['-Wl,-z,now', '-Wl,-z,relro', '-Wl,-z,noexecstack']
/** macOS: Node.js has the symbols, but is not linked against. */
const MACH_O = ['-undefined', 'dynamic_lookup']

/**
 * Compiles the addon. `linking` may name files in `folder`. Another process never sees half a file, and nothing in the
 * file depends on where it was made.
 */
export function compile(
  compiler: readonly string[],
  linking: readonly string[],
  output: string,
  folder = ROOT,
): void {
  const [program = '', ...args] = compiler
  mkdirSync(dirname(output), { recursive: true })
  const unfinished = mkdtempSync(join(dirname(output), '.unfinished-'))
  try {
    const file = join(unfinished, basename(output))
    const all = [...args, ...FLAGS, ...sources(), ...linking, '-o', file]
    execFileSync(program, all, { cwd: folder, stdio: 'inherit' })
    renameSync(file, output)
  } finally {
    rmSync(unfinished, { recursive: true })
  }
}

/** Whether a binary is newer than all that it is made from. */
export function isCurrent(binary: string): boolean {
  const inputs = [SOURCES, fileURLToPath(new URL('.', import.meta.url))].flatMap((folder) =>
    readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs),
  )
  return (statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0) > Math.max(...inputs)
}

/** The C compiler of this machine, which `CC` may name. */
export function compiler(): string | undefined {
  const name = process.env['CC'] ?? 'cc'
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return name
  } catch {
    return undefined
  }
}

/** Compiles for this machine. False where it has no C compiler. */
export function compileHere(binary: string = BINARY, flags: readonly string[] = []): boolean {
  const cc = compiler()
  if (cc === undefined) return false
  const linking = process.platform === 'darwin' ? MACH_O : ELF
  compile([cc], [...flags, ...linking], resolve(binary))
  return true
}

/** Compiles for this machine unless that was done since the last change. False where it has no C compiler. */
export function compileHereOnce(): boolean {
  return isCurrent(BINARY) || compileHere()
}
