#!/bin/sh
# Every benchmark, one after the other on one core where it matters; `make bench BENCH_ARGS="start"` runs one.
set -eu
cd "$(dirname "$0")/.."
wanted=${1:-all}
for file in bench/*.py; do
    name=$(basename "$file" .py)
    case $name in _* | quality) continue ;; esac
    if [ "$wanted" = all ] || [ "$wanted" = "$name" ]; then
        printf '\n== %s\n' "$name"
        .venv/bin/python "$file" || echo "bench/$name did not finish"
    fi
done
