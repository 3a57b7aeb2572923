#!/bin/sh
# Write requirements.txt and deploy/requirements.txt anew from pyproject.toml: exact versions, no address of any index.
set -eu
cd "$(dirname "$0")/.."
UV=$(command -v uv || echo .tools/bin/uv)
"$UV" lock --quiet
"$UV" export --quiet --frozen --no-emit-project --no-annotate --no-header --no-hashes --extra postgres --all-groups \
    --output-file requirements.txt >/dev/null
"$UV" export --quiet --frozen --no-emit-project --no-annotate --no-header --no-dev --extra postgres --extra pictures \
    --output-file deploy/requirements.txt >/dev/null
if grep -n '://' requirements.txt deploy/requirements.txt; then
    echo "an address got into the requirements: remove it" >&2
    exit 1
fi
