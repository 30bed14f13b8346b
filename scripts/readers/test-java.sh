#!/usr/bin/env bash
# The Java reader: compiled without warnings, tested. REPORTS names a folder for its JUnit reports.
set -euo pipefail
cd "$(dirname "$0")/../../readers/java"
mvn --quiet --batch-mode verify
[ -z "${REPORTS:-}" ] || cp target/surefire-reports/*.xml "$REPORTS"
