#!/usr/bin/env bash
# usage: scripts/up.sh          the production stack, in the background, until every health check passes
#        scripts/up.sh --demo   the demo in a project of its own, in the foreground, until Ctrl-C; then it is removed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

patience=${UP_TIMEOUT_SECONDS:-300}

say() { printf 'up: %s\n' "$*"; }
die() { printf 'up: %s\n' "$*" >&2; exit 1; }

have() { command -v "$1" >/dev/null 2>&1; }

have docker || die "needs Docker: install the engine and its compose plugin (https://docs.docker.com/engine/install/)"
docker compose version >/dev/null 2>&1 ||
  die "needs Docker's compose plugin, version 2.20 or newer (package docker-compose-plugin; Debian's docker-compose)"
why=$(docker info 2>&1 >/dev/null) || die "the Docker engine does not answer: ${why:-docker info fails}
up: start it (systemctl start docker), or let this user use it (group docker)"
have python3 || die "needs python3 to make the secrets (package python3)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "needs Python 3.10 or newer to make the secrets"

if [ "${1:-}" = --demo ]; then
  mkdir -p .demo
  python3 scripts/prepare.py --invent --secrets .demo/compose-secrets --env-file docker/demo.env \
    --config docker/demo.observatory.yml --prices docker/demo.prices.yml
  compose=(docker compose --env-file docker/demo.env
    --file docker-compose.yml --file docker-compose.together.yml --profile demo --project-name observatory-demo)
  # shellcheck disable=SC2329 # by the trap
  remove() { "${compose[@]}" down --volumes --timeout 10 >/dev/null 2>&1 || true; }
  trap remove EXIT
  trap 'exit 130' INT TERM
  say "Grafana will be on http://localhost:${GRAFANA_PORT:-3002} (admin, password in .demo/compose-secrets/grafana_admin_password)"
  say "Prometheus on :${PROMETHEUS_PORT:-9090}, Alertmanager on :${ALERTMANAGER_PORT:-9093}, the mailbox on :${MAIL_PORT:-8025}"
  "${compose[@]}" up --build
  exit
fi
[ $# -eq 0 ] || die "usage: scripts/up.sh [--demo]"

secrets=secrets
python3 scripts/prepare.py
# Compose starts a service anew when its definition changes, not when a file that it reads does: a label makes one the
# other. The random key in front keeps the label from telling anything about the passwords.
CONFIGURATION=$({
  cat "$secrets/hash_key" "$secrets/her_redis_password" "$secrets/her_postgres_password" \
    "$secrets/her_postgres_text_password" "$secrets"/sigmasight_*_password "$secrets/smtp_password" \
    "$secrets/sms_urls" observatory.yml prices.yml
  if [ -f .env ]; then cat .env; fi
  find grafana prometheus scripts -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 cat
} | sha256sum | cut -c1-16)
export CONFIGURATION
docker compose up --detach --build

# Not `up --wait`: to it a service that has done its work and ended well is a failure.
states() {
  # A list, or one document a line, depending on the plugin's version.
  docker compose ps --all --format json | python3 -c '
import json, sys
text = sys.stdin.read().strip()
found = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
for it in found:
    print(it["Service"], it["State"], it.get("Health") or "-", it.get("ExitCode", 0))'
}

started=$SECONDS
while :; do
  waiting=()
  while read -r service state health code; do
    case $state/$health in
      running/healthy | running/-) ;;
      exited/*)
        [ "$code" = 0 ] || { docker compose logs --tail 20 "$service" >&2; die "$service ended with exit code $code"; } ;;
      *) waiting+=("$service") ;;
    esac
  done < <(states)
  [ ${#waiting[@]} -gt 0 ] || break
  if [ $((SECONDS - started)) -ge "$patience" ]; then
    docker compose logs --tail 20 "${waiting[@]}" >&2
    die "not healthy after $patience s: ${waiting[*]}"
  fi
  sleep 1
done

row() { printf '%-20s %-22s %s\n' "$@"; }
row service address login
for pair in grafana:3000 grafana-restricted:3000 prometheus:9090 alertmanager:9093 exporter:9464; do
  service=${pair%:*}
  address=$(docker compose port "$service" "${pair#*:}" 2>/dev/null) && [ -n "$address" ] || continue
  case $service in
    grafana) row "$service" "$address" "admin, password in $secrets/grafana_admin_password" ;;
    grafana-restricted) row "$service" "$address" "admin, password in $secrets/grafana_restricted_admin_password" ;;
    *) row "$service" "$address" "none" ;;
  esac
done
