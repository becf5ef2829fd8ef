#!/usr/bin/env bash
# usage: scripts/setup.sh demo|test
# Makes a fresh Debian 12+ or Ubuntu 24.04+ ready: Debian packages (as root; otherwise it prints the apt-get line and
# stops), .venv, and this project in it. Running it again does nothing unless pyproject.toml changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Runs a command silently; if it fails, shows the end of what it said.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    die "failed: $*"
  fi
  rm -f "$log"
}

# shellcheck source=scripts/packages.sh
. scripts/packages.sh

case ${1:-} in
  demo) packages=(redis-server postgresql prometheus prometheus-alertmanager); extras=demo ;;
  test)
    packages=(redis-server prometheus prometheus-alertmanager victoria-metrics postgresql chromium fonts-dejavu-core)
    extras=demo,test ;;
  *) die "usage: scripts/setup.sh demo|test" ;;
esac

oldest=3.11
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The first Python that is new enough: $PYTHON, python3, or a versioned one beside an older python3.
find_python() {
  local candidate
  if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" || die "PYTHON=$PYTHON is not a Python of $oldest or newer"
    echo "$PYTHON"
    return
  fi
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then echo "$candidate"; return; fi
  done
}

python=$(find_python)
venv_works() { new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }
too_old() { die "needs Python $oldest or newer; this is $(python3 --version 2>&1). Set PYTHON=/path/to/python3 to choose another"; }

# One set-up at a time in this folder: two would write one .venv.
exec 9<.
flock 9

if ! venv_works; then
  if [ -z "$python" ]; then
    have python3 && too_old
    packages=(python3 python3-venv "${packages[@]}")
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps ensurepip in a package of its own.
    [ "$(readlink -f "$(command -v "$python")")" = "$(readlink -f /usr/bin/python3)" ] ||
      die "$python has no ensurepip: install it, or set PYTHON=/path/to/another python3"
    packages=(python3-venv "${packages[@]}")
  fi
fi
ensure_packages "${packages[@]}"

if ! venv_works; then
  python=$(find_python)
  [ -n "$python" ] || too_old
  say "making .venv with $("$python" --version)"
  # --clear: what is there, if anything, is a half-made one or one whose Python is gone.
  quietly "$python" -m venv --clear .venv
fi

# The folder is part of it: an editable install names it.
fingerprint=$({ cat pyproject.toml; pwd; .venv/bin/python --version; } | sha256sum | cut -d' ' -f1)
stamp=.venv/installed-$1
if [ "$(cat "$stamp" 2>/dev/null)" != "$fingerprint" ]; then
  say "installing Python packages: .[$extras]"
  quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$extras]"
  echo "$fingerprint" >"$stamp"
  if [ "$1" = test ]; then echo "$fingerprint" >.venv/installed-demo; fi
fi
