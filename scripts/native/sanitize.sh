#!/usr/bin/env bash
# Compares the native engine's declarations of OpenSSL and zlib with the real ones. Then runs the engine with AddressSanitizer and
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

# Those of zlib in the same way; and where each member of its stream is, in zlib's type and in ours.
if [ -f "$headers/zlib.h" ]; then
  printf '#include <%s.h>\n' zlib | cat - native/src/zlib.h |
    "$cc" -std=c11 -Wall -Werror -fsyntax-only "-I$headers" -xc -
  members() {
    { printf '#include <stddef.h>\n#include <stdio.h>\n#include %s\nint main(void) {\n' "$1"
      printf 'printf("%%zu %%zu\\n", offsetof(z_stream, %s), sizeof(((z_stream *)0)->%s));\n' \
        $(for name in next_in avail_in total_in next_out avail_out total_out msg state zalloc zfree opaque \
          data_type adler reserved; do echo $name $name; done)
      printf 'printf("%%d %%d %%d %%d %%d %%zu\\n", Z_OK, Z_STREAM_END, Z_FINISH, Z_DEFLATED, Z_DEFAULT_STRATEGY, sizeof(z_stream)); }\n'
    } | "$cc" -std=c11 "-I$2" -xc - -o "$folder/members" && "$folder/members"
  }
  mkdir -p "$folder"
  [ "$(members '<zlib.h>' "$headers")" = "$(members '"zlib.h"' native/src)" ] ||
    { echo 'native engine: our stream of zlib has another layout than its own'; exit 1; }
  echo 'native engine: the declarations of zlib are those of its header'
else
  echo 'native engine: the declarations of zlib were not compared: this Node.js comes without headers'
fi

mkdir -p "$folder/build"
cp native/index.cjs native/package.json "$folder/"
npx tsx scripts/native/build.ts --sanitized "$folder/build/kafka-envelope.node"
# The runtime must come before all other libraries. Leaks are for valgrind: Node.js itself does not free all at its end.
runtime=$("$cc" -print-file-name=libasan.so)
LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
  node --expose-gc scripts/native/exercise.cjs "$folder" "${1:-20}"
