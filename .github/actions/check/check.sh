#!/bin/sh
# Runs a cascade, holds the run against the blessed one, and says so: exit code, JUnit, job summary, report, comment.
# Works in any CI; a comment is written only where GITHUB_TOKEN and a pull request are there.
#   STAGEGAP_FILE    cascade file; empty: the only one
#   STAGEGAP_BUDGET  hard stop, like "200 calls" or "$3"; empty: none
#   STAGEGAP_OUTPUT  folder for checks.xml, checks.md and report.html
set -u
output=${STAGEGAP_OUTPUT:-stagegap-output}
mkdir -p "$output"
set --
[ -z "${STAGEGAP_FILE:-}" ] || set -- "$STAGEGAP_FILE"
[ -z "${STAGEGAP_BUDGET:-}" ] || set -- "$@" --budget "$STAGEGAP_BUDGET"

stagegap run "$@"
code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 6 ] || exit "$code"

stagegap check --junit "$output/checks.xml" --markdown "$output/checks.md"
code=$?
[ -s "$output/checks.md" ] || exit "$code"
cat "$output/checks.md" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
stagegap report --no-records --output "$output/report.html"
if [ -n "${GITHUB_TOKEN:-}" ]; then
    stagegap tools comment "$output/checks.md" || echo "No comment was written; the answer is the exit code."
fi
exit "$code"
