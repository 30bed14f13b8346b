#!/usr/bin/env bash
# docs/alerts.yml in the eyes of Prometheus: `promtool` checks it, and runs the tests of test/alerts. Where there is no
# promtool, it is taken out of Debian's package. REPORTS names a folder for the number of files that passed.
set -euo pipefail
cd "$(dirname "$0")/../.."
promtool=$(command -v promtool || true)
if [ -z "$promtool" ]; then
  promtool=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-envelope/promtool
  if [ ! -x "$promtool" ]; then
    command -v apt-get >/dev/null || { echo 'install promtool (a part of Prometheus) first' >&2 && exit 1; }
    [ "$(id -u)" != 0 ] || apt-get update -qq
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    (cd "$folder" && apt-get download -qq prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool)
    mkdir -p "$(dirname "$promtool")"
    mv "$folder/usr/bin/promtool" "$promtool"
  fi
fi
"$promtool" --version 2>&1 | sed -n 1p
"$promtool" check rules docs/alerts.yml

passed=0 failed=0
for file in test/alerts/*.yml; do
  if "$promtool" test rules "$file"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
[ -z "${REPORTS:-}" ] || echo "{\"numPassedTests\": $passed, \"numFailedTests\": $failed}" >"$REPORTS/alerts.json"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
