#!/usr/bin/env bash
# Fuzzes the C of the native engine, without Node.js, with libFuzzer, AddressSanitizer, leak detection and
# UndefinedBehaviorSanitizer: batches, then streams. Needs clang with its runtime, the libcrypto of OpenSSL 3 and zlib.
# The argument is the number of seconds for both together.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=.cache/native/fuzz
seconds=${1:-60}

# NAME OPTIONS…
fuzz() {
  local name=$1
  shift
  mkdir -p "$folder/$name"
  "${CLANG:-clang}" -std=c11 -g -O1 -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
    -fno-sanitize-recover=all -Inative/src "$@" -o "$folder/$name.fuzz"
  "$folder/$name.fuzz" -max_total_time=$((seconds / 2)) -max_len=256 -timeout=5 -artifact_prefix="$folder/" \
    "$folder/$name"
}

fuzz batches native/src/gcm.c native/src/layout.c scripts/native/fuzz.c -l:libcrypto.so.3
fuzz streams -Dcalloc=failing_calloc native/src/blocks.c native/src/deflate.c scripts/native/fuzz-deflate.c -l:libz.so.1
