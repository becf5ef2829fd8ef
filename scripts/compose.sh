#!/usr/bin/env bash
# usage: scripts/compose.sh up|demo
# The production stack in the background until its health checks pass, or the demo in the foreground until Ctrl-C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'compose: %s\n' "$*" >&2; exit 1; }

docker compose version >/dev/null 2>&1 || die "needs Docker with its compose plugin (docker compose version fails)"
[ -f docker-compose.yml ] || die "there is no docker-compose.yml here"
# The secrets, and an observatory.yml to start from: made once, never overwritten.
[ ! -f scripts/prepare.py ] || python3 scripts/prepare.py
case ${1:-} in
  up) exec docker compose up --build --detach --wait ;;
  demo) exec docker compose --profile demo up --build ;;
  *) die "usage: scripts/compose.sh up|demo" ;;
esac
