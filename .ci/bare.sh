#!/bin/sh
# What a stranger gets: from a folder of wheels to a verdict in two commands, on each Python, with no network, compiler,
# git or environment. `sh .ci/bare.sh python3.11 python3.12 ...`; only fetching the wheels needs an index.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/.venv/bin/python" -m build --wheel --no-isolation --outdir "$work/dist" "$root" >/dev/null
for python in "$@"; do
    wheels=$work/wheels-${python##*/}
    "$python" -m pip download --quiet --only-binary :all: --dest "$wheels" "$(ls "$work"/dist/*.whl)[app]"
    for extra in "" "[app]"; do
        place=$work/venv-${python##*/}$extra
        "$python" -m venv "$place"
        cd "$place"
        alone="env -i HOME=$place PATH=$place/bin LANG=C.UTF-8 $(command -v unshare) -n"
        began=$(date +%s)
        $alone "$place/bin/pip" install --quiet --no-index --find-links "$wheels" "stagegap$extra"
        $alone "$place/bin/stagegap" demo --no-app | grep "holds this system back"
        echo "$python $($alone "$place/bin/stagegap" --version)$extra: $(($(date +%s) - began)) s, $(du -sm "$place" | cut -f1) MB"
    done
done
