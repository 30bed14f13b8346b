import { BINARY, compileHere } from './compile.js'

// Makes the binary of the native engine from source, for this machine. It needs a C compiler, and nothing else.
// `--sanitized FILE` makes another one in FILE that stops at the first mistake with memory.
const [option, file] = process.argv.slice(2)
const SANITIZERS = [
  '-g',
  '-O1',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
]
const [binary, flags] = option === '--sanitized' && file !== undefined ? [file, SANITIZERS] : [BINARY, []]

if (compileHere(binary, flags)) console.log(`native engine: built ${binary}`)
else {
  console.error('native engine: not built: this machine has no C compiler (cc, or what CC names)')
  process.exitCode = 1
}
