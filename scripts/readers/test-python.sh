#!/usr/bin/env bash
# The Python reader: lint, types, tests, in an environment of its own. REPORTS names a folder for its JUnit report.
set -euo pipefail
cd "$(dirname "$0")/../../readers/python"
[ -x .venv/bin/pip ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
.venv/bin/ruff check --quiet
.venv/bin/mypy
.venv/bin/pytest --quiet ${REPORTS:+--junitxml="$REPORTS/python.xml"}
