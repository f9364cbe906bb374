#!/bin/sh
# Build the Python environment: bootstrap.sh PYTHON VENV LOCKFILE
# Works on a bare Debian 12: where python3 has no ensurepip (no package python3-venv), pip's wheel is taken from the
# machine's own Debian mirror as an ordinary user; nothing is installed into the system.
set -eu
python=$1 venv=$2 lock=$3

say() { printf 'hotline: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "there is no $python; install Python 3.11 or newer (apt-get install python3)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old; Python 3.11 or newer is needed"

pip_wheel() {
    command -v apt-get >/dev/null 2>&1 || fail "python3 has no ensurepip and there is no apt-get to fetch pip with; install python3-venv"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && apt-get -qq -o APT::Sandbox::User= download python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb unpacked) \
        || fail "pip could not be fetched; check the network, or install python3-venv"
    find "$work/unpacked" -name 'pip-*.whl' | head -n 1
}

if [ ! -x "$venv/bin/python" ]; then
    say "building the environment in $venv"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv "$venv" || fail "the environment could not be built in $venv"
    else
        wheel=$(pip_wheel)
        "$python" -m venv --without-pip "$venv" || fail "the environment could not be built in $venv"
        "$venv/bin/python" "$wheel/pip" install -q --no-index "$wheel"
    fi
fi
say "installing what $lock names (a minute on the first run)"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock" \
    || fail "the dependencies could not be installed; check the network and run the same command again"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable . \
    || fail "the package itself could not be installed"
