#!/usr/bin/env bash
# Confluent's client and node-rdkafka, for their tests, which are skipped without them. The packages download a compiled
# addon, or compile for minutes; this compiles librdkafka once for both, without TLS and most else that it can do without.
# It has gzip, because KafkaJS reads no other compression. What it compiled it keeps in a cache for other clones.
set -euo pipefail
cd "$(dirname "$0")/../../test/support/confluent"

confluent=@confluentinc/kafka-javascript/build/Release
rdkafka=node-rdkafka/build/Release
log=$(mktemp)
staged=
trap 'rm -rf "$log" "$staged"' EXIT

# Other versions, flags, Node.js ABIs and C libraries have a folder of their own.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-envelope/confluent-$(node -p '
  const text = [process.argv[1], "package-lock.json"].map((file) => fs.readFileSync(file, "utf8")).join("")
  const libc = process.report.getReport().header.glibcVersionRuntime ?? "other"
  const hash = crypto.createHash("sha256").update(text).digest("hex").slice(0, 12)
  ;[hash, `abi${process.versions.modules}`, process.platform, process.arch, `libc${libc}`].join("-")
' ../../../scripts/confluent/install.sh)

quietly() {
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; echo "failed: $*" >&2; return 1; }
}

compiled() {
  node -p '["@confluentinc/kafka-javascript", "node-rdkafka"].map((name) =>
    `${name} ${require(`${name}/package.json`).version}, librdkafka ${require(name).librdkafkaVersion}`).join("\n")'
}

compile() {
  local tool home nodedir=()
  for tool in cc c++ make python3; do
    command -v "$tool" >/dev/null || { echo "Confluent's client cannot be compiled: there is no $tool" >&2; return 1; }
  done
  if ! cc -E -include zlib.h -x c /dev/null >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
      { echo "Confluent's client cannot be compiled: install zlib1g-dev or zlib-devel first" >&2; return 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends zlib1g-dev >/dev/null
  fi
  # Many installations of Node.js have its headers; otherwise node-gyp downloads them.
  home=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
  [ ! -f "$home/include/node/node.h" ] || nodedir=(--nodedir "$home")

  # Inside node_modules, so that `npm ci` deletes what a run that was killed left.
  local made=$PWD/node_modules/.librdkafka
  echo 'compiling librdkafka'
  (
    cd node_modules/@confluentinc/kafka-javascript/deps/librdkafka
    quietly ./configure --prefix="$made" --disable-debug-symbols \
      --enable-zlib --disable-ssl --disable-gssapi --disable-curl --disable-zstd
    quietly make -j2 libs install-subdirs
  )
  export BUILD_LIBRDKAFKA=0 CPLUS_INCLUDE_PATH=$made/include/librdkafka CXXFLAGS=-w JOBS=2
  # make and the shell leave $ORIGIN, the folder of the addon.
  export LDFLAGS="-L$made/lib -s '-Wl,-rpath,\$\$ORIGIN'"
  local package
  for package in "${confluent%/build/*}" "${rdkafka%/build/*}"; do
    echo "compiling $package"
    (cd "node_modules/$package" && quietly "$OLDPWD/node_modules/.bin/node-gyp" rebuild "${nodedir[@]}")
    cp "$made"/lib/librdkafka.so.1 "$made"/lib/librdkafka++.so.1 "node_modules/$package/build/Release/"
  done
}

# A rename, so that nobody sees a part of it. Of two runs at once, the first wins.
keep() {
  local folder
  staged=$(mktemp -d "$cache.XXXXXX")
  for folder in "$confluent" "$rdkafka"; do
    mkdir -p "$staged/$folder"
    cp "node_modules/$folder"/*.node "node_modules/$folder"/*.so.1 "$staged/$folder/"
  done
  node -e 'fs.renameSync(...process.argv.slice(1))' "$staged" "$cache" 2>/dev/null || [ -d "$cache" ]
}

if [ -d "$cache" ]; then
  npm ci --no-progress --ignore-scripts --omit=dev
  cp -R "$cache/." node_modules/
  compiled && exit
  echo 'what the cache has does not load, so it is compiled again' >&2
  rm -rf "$cache"
fi
mkdir -p "${cache%/*}"
npm ci --no-progress --ignore-scripts
compile
compiled
keep
