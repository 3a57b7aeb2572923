#!/bin/sh
# Says yes or no: format, lint, strict types, import order, what is deployed, and the knowledge itself.
set -eu
cd "$(dirname "$0")/.."
BIN=.venv/bin
failed=""

check() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        printf 'ok    %s\n' "$name"
    else
        printf 'FAIL  %s\n%s\n' "$name" "$output"
        failed="$failed $name"
    fi
}

check format $BIN/ruff format --check src tests bench scripts
check lint $BIN/ruff check src tests bench scripts
check types $BIN/mypy
check imports $BIN/lint-imports --config .importlinter
check dockerfile $BIN/hadolint deploy/Dockerfile
check compose $BIN/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
check yaml $BIN/yamllint deploy bot .pre-commit-config.yaml
check shell $BIN/shellcheck scripts/setup.sh scripts/learn.sh scripts/test-tools.sh scripts/check.sh scripts/bench.sh .ci/run
check kubernetes $BIN/kubernetes-validate deploy/kubernetes.yaml
check documents $BIN/python scripts/generate.py --check
check knowledge $BIN/helpbot check --quiet
if command -v npx >/dev/null 2>&1 && [ -d widget/node_modules ]; then
    check widget npm --prefix widget run --silent check
fi

if [ -n "$failed" ]; then
    printf '\nnot yet:%s\n' "$failed"
    exit 1
fi
echo "all is well"
