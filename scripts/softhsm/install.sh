#!/usr/bin/env bash
# SoftHSM and the package pkcs11js, for the tests of the provider for HSMs. Without them, these tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

unpacked=.cache/softhsm
if ! command -v softhsm2-util >/dev/null && [ ! -x "$unpacked/usr/bin/softhsm2-util" ]; then
  command -v apt-get >/dev/null ||
    { echo 'install SoftHSM 2 first: the package softhsm2 or softhsm of your system' >&2 && exit 1; }
  if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends softhsm2 >/dev/null
  else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    (cd "$folder" && apt-get download -qq softhsm2 libsofthsm2)
    mkdir -p "$unpacked"
    for package in "$folder"/*.deb; do dpkg -x "$package" "$unpacked"; done
  fi
fi
PATH="$PATH:$PWD/$unpacked/usr/bin" softhsm2-util --version | sed 's/^/SoftHSM /'

# It compiles C++, and needs a compiler, Python and the headers of Node.js. Many installations of Node.js have these
# headers; otherwise node-gyp downloads them.
home=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
[ ! -f "$home/include/node/node.h" ] || export npm_config_nodedir=$home
npm ci --no-progress --prefix test/support/softhsm
cd test/support/softhsm
node -p '"pkcs11js " + require("pkcs11js/package.json").version + (require("pkcs11js").PKCS11 ? "" : ": not compiled")'
