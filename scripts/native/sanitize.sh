#!/usr/bin/env bash
# Compares the native engine's declarations of OpenSSL with the real ones. Then runs the engine with AddressSanitizer and
# UndefinedBehaviorSanitizer: batches right and wrong, for as many seconds as the argument says. Needs gcc or clang.
set -euo pipefail
cd "$(dirname "$0")/../.."
cc=${CC:-cc}
folder=.cache/native/sanitized

# Our declarations of OpenSSL beside its own: the compiler refuses two that differ.
headers=$(dirname "$(node -p process.execPath)")/../include/node
if [ -f "$headers/openssl/evp.h" ]; then
  printf '#include <openssl/%s.h>\n' evp err crypto | cat - native/src/openssl.h |
    "$cc" -std=c11 -Wall -Werror -Wno-unused -fsyntax-only "-I$headers" -xc -
  echo 'native engine: the declarations of OpenSSL are those of its headers'
else
  echo 'native engine: the declarations of OpenSSL were not compared: this Node.js comes without headers'
fi

mkdir -p "$folder/build"
cp native/index.cjs native/package.json "$folder/"
npx tsx scripts/native/build.ts --sanitized "$folder/build/kafka-envelope.node"
# The runtime must come before all other libraries. Leaks are for valgrind: Node.js itself does not free all at its end.
runtime=$("$cc" -print-file-name=libasan.so)
LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
  node --expose-gc scripts/native/exercise.cjs "$folder" "${1:-20}"
