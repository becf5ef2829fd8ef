#!/usr/bin/env bash
# Removes what the demo, the tests and the builds left here. Keeps .venv, .env and secrets/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -e .demo/lock ] && ! flock --nonblock .demo/lock true; then
  printf 'clean: the demo is running in .demo; stop it first (Ctrl-C)\n' >&2
  exit 1
fi
rm -rf .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
find . -path ./.venv -prune -o -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
