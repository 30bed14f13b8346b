#!/usr/bin/env bash
# Runs a program on the C library of Debian 13, for older Debians: the addon of Jazzer.js needs glibc 2.38. The library
# comes from this machine's own mirror, by apt, with apt's checks, into .cache/fuzz/libc. Nothing is installed.
set -euo pipefail
libc=$PWD/.cache/fuzz/libc
if [ ! -d "$libc/root" ]; then
  source /etc/os-release
  rm -rf "$libc"
  mkdir -p "$libc"/{lists,archives}/partial
  cp -r /etc/apt "$libc/etc"
  find "$libc/etc" -name '*.list' -o -name '*.sources' | xargs sed -i "s/\b$VERSION_CODENAME\b/trixie/g"
  apt=(apt-get -qq -o "Dir::Etc=$libc/etc" -o "Dir::State::lists=$libc/lists" -o "Dir::Cache=$libc" -o APT::Sandbox::User=)
  # A list of somebody else that has no such release does no harm.
  "${apt[@]}" update || true
  (cd "$libc" && "${apt[@]}" download libc6 libstdc++6 libgcc-s1)
  for package in "$libc"/*.deb; do dpkg-deb -x "$package" "$libc/unpacked"; done
  mv "$libc/unpacked" "$libc/root"
fi
loader=$(echo "$libc"/root/usr/lib/*/ld-linux-*.so.*)
exec "$loader" --library-path "${loader%/*}" "$@"
