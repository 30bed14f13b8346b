#!/usr/bin/env bash
# Fuzzes the C of the native engine, without Node.js, with libFuzzer, AddressSanitizer, leak detection and
# UndefinedBehaviorSanitizer. Needs clang with its runtime, and the libcrypto of OpenSSL 3. The argument is the number of
# seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=.cache/native/fuzz
mkdir -p "$folder/corpus"
"${CLANG:-clang}" -std=c11 -g -O1 -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  -Inative/src native/src/gcm.c native/src/layout.c scripts/native/fuzz.c -l:libcrypto.so.3 -o "$folder/fuzz"
"$folder/fuzz" -max_total_time="${1:-60}" -max_len=256 -timeout=5 -artifact_prefix="$folder/" "$folder/corpus"
