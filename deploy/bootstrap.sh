#!/bin/sh
# Build the Python environment: bootstrap.sh PYTHON VENV LOCKFILE [COVERED LOCKFILE…]
#
# Does nothing when VENV holds already what LOCKFILE names, for this directory. Works on a bare Debian 12: where python3 has
# no ensurepip (no package python3-venv), pip's wheel is taken from the machine's own Debian mirror as an ordinary user;
# nothing is installed into the system. One build at a time; a build that failed, was interrupted or killed leaves nothing
# that a later one would use: a new environment is removed, a half-made one is made anew.
set -eu
python=$1 venv=$2 lock=$3
shift 2

say() { printf 'hotline: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# What an environment was built from; where: its programs and the link to our sources name the directory.
recipe() { pwd; cksum "$1" pyproject.toml; }
is_built() { [ -x "$venv/bin/python" ] && [ -x "$venv/bin/hotline" ] && [ "$(cat "$venv/.built-$lock" 2>/dev/null)" = "$(recipe "$lock")" ]; }
# The programs of an environment name its place; one that was moved here is not used.
is_moved() {
    for built in "$venv"/.built-*; do
        [ ! -e "$built" ] || [ "$(head -n 1 "$built")" = "$(pwd)" ] || return 0
    done
    return 1
}

is_built && exit 0
command -v "$python" >/dev/null 2>&1 || fail "there is no $python; install Python 3.11 or newer (apt-get install python3)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old; Python 3.11 or newer is needed"

# The lock is held through an open file, also by children that outlive us: nobody builds beside a pip that still runs.
exec 9<"$0"
flock -n 9 || { say "waiting for another build of the environment"; flock 9; }
is_built && exit 0

ended='' new=no  # ended: the last program of ours that came to its end; `$!` is the last that was started
work=$(mktemp -d) || fail "no temporary directory can be made; is the disk full?"
tidy() {
    status=$?
    trap '' HUP INT TERM
    [ "${!:-}" = "$ended" ] || end_all "$!"
    [ "$new" = no ] || [ "$status" -eq 0 ] || rm -rf "$venv"
    rm -rf "$work"
}
# End a program and all that it started (they are one process group), and wait: they write where we are about to remove.
end_all() {
    kill -s TERM -- "-$1" 2>/dev/null || kill -s TERM "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -s 0 -- "-$1" 2>/dev/null || return 0
        sleep 0.2
    done
    kill -s KILL -- "-$1" 2>/dev/null || :
}
trap tidy EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Run a program that a signal to us ends too, with all that it started; what it says is kept for the sentence on a failure.
run() {
    # A signal may come right after the start, before another word of ours: nothing but the shell's own `$!` knows the program then.
    TMPDIR="$work" setsid "$@" >"$work/said" 2>&1 </dev/null &
    result=0
    wait "$!" || result=$?
    ended=$!
    return "$result"
}
reason() { sed -e '/^[[:space:]]*$/d' -e '/notice/d' -e 's/^ERROR: //' "$work/said" | tail -n 1; }

make_venv() {
    say "building the environment in $venv"
    if [ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] || [ -e "$venv/.building" ]; then
        new=yes
        rm -rf "$venv"
    fi
    { mkdir -p "$venv" && : >"$venv/.building"; } 2>/dev/null || fail "$(pwd)/$venv cannot be made; is the directory yours, and the disk not full?"
    run "$python" -m venv --without-pip "$venv" || fail "the environment could not be built in $venv: $(reason)"
}

fetch_pip() {
    for program in apt-get dpkg-deb; do
        command -v "$program" >/dev/null 2>&1 || fail "python3 has no ensurepip and there is no $program to fetch pip with; install python3-venv"
    done
    set -- env -C "$work" apt-get -qq -o APT::Sandbox::User= -o Debug::NoLocking=1 -o Dir::Cache="$work/cache"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    if ! run "$@" download python3-pip-whl; then
        # This machine has no lists of packages yet, and an ordinary user cannot renew them: get our own.
        set -- "$@" -o Dir::State::lists="$work/lists" -o APT::Update::Error-Mode=any
        run "$@" update || fail "pip could not be fetched; check the network, or install python3-venv ($(reason))"
        run "$@" download python3-pip-whl || fail "pip could not be fetched; install python3-venv ($(reason))"
    fi
    run dpkg-deb -x "$work"/python3-pip-whl_*.deb "$work/unpacked" || fail "pip could not be unpacked: $(reason)"
    wheel=$(find "$work/unpacked" -name 'pip-*.whl' | head -n 1)
}

if [ -e "$venv/.building" ] || is_moved || ! "$venv/bin/python" -c '' 2>/dev/null; then
    make_venv
fi
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    if "$venv/bin/python" -c 'import ensurepip' 2>/dev/null; then
        run "$venv/bin/python" -m ensurepip --default-pip || fail "pip could not be put into $venv: $(reason)"
    else
        fetch_pip
        run "$venv/bin/python" "$wheel/pip" install --no-index "$wheel" || fail "pip could not be put into $venv: $(reason)"
    fi
fi
say "installing what $lock names (a minute on the first run)"
rm -f "$venv"/.built-*
pip() { run "$venv/bin/python" -m pip install -q --no-input --disable-pip-version-check "$@"; }
pip --require-hashes --only-binary :all: -r "$lock" \
    || fail "the dependencies could not be installed; check network and disk, and run the same command again ($(reason))"
pip --no-deps --no-build-isolation --editable . || fail "the package itself could not be installed ($(reason))"
for lock in "$@"; do recipe "$lock" >"$venv/.built-$lock"; done
rm -f "$venv/.building"
