#!/usr/bin/env bash
# usage: scripts/make_tls.sh [NAME|ADDRESS]...
# A certificate authority of your own and a certificate for each server, in secrets/tls/, to try TLS with. NAME: how
# people reach this machine, besides localhost. What is there already stays; delete a file to have it made anew.
set -euo pipefail
umask 077
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'make_tls: %s\n' "$*" >&2; exit 1; }
command -v openssl >/dev/null || die "needs openssl (Debian package openssl)"

folder=${SECRETS_DIR:-secrets}/tls
days=825
mkdir -p "$folder"
chmod 0700 "${SECRETS_DIR:-secrets}"
# As with the other secrets: the closed folder above keeps people out, compose mounts single files.
chmod 0755 "$folder"

quietly() {
  local said
  said=$("$@" 2>&1) || die "$said"
}

if [ ! -e "$folder/ca.crt" ]; then
  quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" \
    -subj "/CN=LLM Observatory, $(hostname)" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$folder/ca.key" -out "$folder/ca.crt"
  echo "made $folder/ca.crt"
fi

names() { # of server $1, and of the machine
  local -a all=("DNS:$1" "DNS:localhost" "IP:127.0.0.1")
  [ "$1" = grafana ] && all+=("DNS:grafana-restricted")
  local name
  for name in "${@:2}"; do
    if [[ $name =~ ^[0-9.]+$|: ]]; then all+=("IP:$name"); else all+=("DNS:$name"); fi
  done
  local IFS=,
  echo "${all[*]}"
}

for server in grafana prometheus alertmanager; do
  [ ! -e "$folder/$server.crt" ] || continue
  quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$server" \
    -keyout "$folder/$server.key" -out "$folder/$server.csr"
  quietly openssl x509 -req -in "$folder/$server.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -days "$days" \
    -extfile <(printf '%s\n' "subjectAltName=$(names "$server" "$@")" extendedKeyUsage=serverAuth \
      basicConstraints=CA:FALSE subjectKeyIdentifier=hash authorityKeyIdentifier=keyid) \
    -out "$folder/$server.crt"
  rm "$folder/$server.csr"
  echo "made $folder/$server.crt"
done
# The authority's key goes into no container.
chmod 0444 "$folder"/*.crt "$folder"/{grafana,prometheus,alertmanager}.key
chmod 0400 "$folder/ca.key"
