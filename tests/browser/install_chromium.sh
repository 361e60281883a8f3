#!/bin/sh
# Debian's chromium for the browser tests: installed where it is missing and may be.
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
    echo "chromium is missing: the browser tests are skipped. Install it, for example: sudo apt-get install chromium"
fi
