#!/bin/sh
# Learn from the shipped knowledge, so that the first answer is as quick as the next: learn.sh [--words] [""]
# "" is the bot as it is served, with the encoder; --words the bot on words alone.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

say "learning from the knowledge, once"
mkdir -p var
first=$(mktemp var/.first.XXXXXX)
trap 'rm -f "$first"' EXIT
printf '{"id": "first", "turns": ["it does not sync", "ok super", "a person please", "it is the Zebra ZD421"]}\n' >"$first"
for way in "$@"; do
    # shellcheck disable=SC2086  # empty is no argument
    .venv/bin/helpbot replay $way "$first" >/dev/null || say "it will be learnt at the first start instead"
done
