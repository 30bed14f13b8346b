import { BINARY, compileHere } from './compile.js'

// Makes the binary of the native engine from source, for this machine. It needs a C compiler, and nothing else.
if (compileHere()) console.log(`native engine: built ${BINARY}`)
else {
  console.error('native engine: not built: this machine has no C compiler (cc, or what CC names)')
  process.exitCode = 1
}
