# Sourced by setup.sh: which Debian packages the demo and the tests need, and how they get onto the machine.
# A package counts as present when what we use of it is there, however it came: a server on PATH is as good as the package.

# Debian starts a service when its package is installed unless this file says no (exit 101).
policy_file=${POLICY_RC_D:-/usr/sbin/policy-rc.d}

# Packages that some supported distribution does not carry (Ubuntu has Chromium as a snap only). Where there is
# none, the tests that need it are skipped, by name.
not_everywhere=" victoria-metrics chromium "

have() { command -v "$1" >/dev/null 2>&1; }
have_file() { compgen -G "$1" >/dev/null; }

present() { # package
  case $1 in
    redis-server) have redis-server ;;
    prometheus) have prometheus && have promtool ;;
    prometheus-alertmanager) { have prometheus-alertmanager || have alertmanager; } && have amtool ;;
    victoria-metrics) have victoria-metrics ;;
    postgresql) have initdb || have_file '/usr/lib/postgresql/*/bin/initdb' ;;
    chromium) have chromium ;;
    fonts-dejavu-core) have_file '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' ;;
    *) die "no rule tells whether the package $1 is present" ;;
  esac
}

# Not through a pipe into grep -q: that one leaves early, and apt-cache would fail by its broken pipe.
available() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[!\(]* ]]; }
varies() { [[ $not_everywhere == *" $1 "* ]]; }

# Prints the missing ones of the packages named, leaving out those that this distribution does not have.
missing_packages() {
  local package
  for package in "$@"; do
    case $package in
      python3 | python3-venv) echo "$package" ;; # named only when they are missing: see setup.sh
      *) present "$package" || { varies "$package" && ! available "$package"; } || echo "$package" ;;
    esac
  done
}

apt() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
    quietly apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

hold_services() {
  # A saved file from a run that was killed is the machine's own: bring it back first.
  if [ -e "$policy_file.before-observatory" ]; then mv -f "$policy_file.before-observatory" "$policy_file"; fi
  if [ -e "$policy_file" ]; then mv "$policy_file" "$policy_file.before-observatory"; fi
  services_held=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy_file"
  chmod 755 "$policy_file"
}

release_services() {
  [ "${services_held:-}" = yes ] || return 0
  services_held=
  rm -f "$policy_file"
  if [ -e "$policy_file.before-observatory" ]; then mv "$policy_file.before-observatory" "$policy_file"; fi
}

# What we install must not start at the next boot either: Debian's Prometheus would listen on every interface.
keep_off_at_boot() {
  local package
  have systemctl || return 0
  for package in "$@"; do
    case $package in
      redis-server | prometheus | prometheus-alertmanager | victoria-metrics | postgresql)
        systemctl disable --quiet "$package.service" >/dev/null 2>&1 || say "could not keep $package from starting at boot" ;;
    esac
  done
}

# Installs what is missing of the packages named, or, without root, prints the one line that does and stops.
ensure_packages() {
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ] && { available redis-server || ! have apt-get || [ "$(id -u)" -ne 0 ]; }; then
    name_absent "$@"
    return 0
  fi
  have apt-get || die "missing: ${missing[*]} (names of the Debian packages; this machine has no apt-get)"
  if [ "$(id -u)" -ne 0 ]; then
    echo "sudo apt-get install ${missing[*]}"
    exit 1
  fi
  # Nothing required is missing, but apt has no lists yet to tell whether the rest exists here.
  if [ ${#missing[@]} -eq 0 ] && every_present "$@"; then return 0; fi
  say "asking apt for its newest lists"
  apt update
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing Debian packages: ${missing[*]}"
    trap release_services EXIT
    hold_services
    apt install -y --no-install-recommends "${missing[@]}"
    release_services
    keep_off_at_boot "${missing[@]}"
  fi
  name_absent "$@"
}

every_present() {
  local package
  for package in "$@"; do present "$package" || return 1; done
}

name_absent() {
  local package
  for package in "$@"; do
    varies "$package" && ! present "$package" && say "no package $package here: the tests that need it are skipped"
  done
  return 0
}
