import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = join(root, 'native/src')
const HEADERS = fileURLToPath(new URL('include', import.meta.resolve('node-api-headers')))

/** What `npm run build:native` makes, and the loader prefers. */
export const BINARY = join(root, 'native/build/kafka-envelope.node')

/** Warnings are errors, the stack is guarded, and the binary exports nothing but what Node.js looks for. */
const FLAGS = [
  ...['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-Wpedantic', '-Wconversion', '-Wshadow'],
  ...['-fPIC', '-shared', '-fstack-protector-strong', '-fvisibility=hidden', '-fno-ident'],
  // The oldest Node-API with all that the addon needs; each Node.js since 16 has it.
  ...['-DNAPI_VERSION=8', `-I${HEADERS}`],
]

/** The C files of the addon. */
export function sources(): string[] {
  return readdirSync(SOURCES)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(SOURCES, name))
}

/** For linkers of ELF: all symbols are looked up at once, so that a Node.js without OpenSSL fails to load it. */
export const ELF = ['-Wl,-z,now', '-Wl,-z,relro', '-Wl,-z,noexecstack']
/** macOS: Node.js has the symbols; a bundle is not linked against it. */
export const MACH_O = ['-undefined', 'dynamic_lookup']

/** Compiles the addon. Another process never sees half a file. */
export function compile(compiler: readonly string[], extra: readonly string[], output: string): void {
  const [program = 'cc', ...args] = compiler
  const unfinished = `${output}.${String(process.pid)}`
  mkdirSync(dirname(output), { recursive: true })
  execFileSync(program, [...args, ...FLAGS, ...sources(), ...extra, '-o', unfinished], { stdio: 'inherit' })
  renameSync(unfinished, output)
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
export function compileHere(): boolean {
  const cc = compiler()
  if (cc === undefined) return false
  compile([cc], process.platform === 'darwin' ? MACH_O : ELF, BINARY)
  return true
}

/** Compiles for this machine unless that was done since the last change. False where it has no C compiler. */
export function compileHereOnce(): boolean {
  const inputs = [...readdirSync(SOURCES).map((name) => join(SOURCES, name)), fileURLToPath(import.meta.url)]
  const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs))
  return (statSync(BINARY, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest || compileHere()
}
