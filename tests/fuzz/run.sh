#!/bin/sh
# Runs every libFuzzer program in BUILD/fuzz for SECONDS from its seed corpus
# tests/fuzz/corpus/NAME. What it learns stays in BUILD/corpus, what it breaks in BUILD/found.
#   tests/fuzz/run.sh BUILD SECONDS
set -u
build=$1
seconds=$2
cd "$(dirname "$0")/../.." || exit 1
mkdir -p "$build/found"
passed=0
failed=0
for program in "$build"/fuzz/fuzz_*; do
    [ -x "$program" ] || continue
    name=${program##*/fuzz_}
    seeds=tests/fuzz/corpus/$name
    mkdir -p "$build/corpus/$name"
    log=$build/fuzz/$name.log
    if [ ! -d "$seeds" ]; then
        echo "FAIL fuzz $name: no seed corpus $seeds"
        failed=$((failed + 1))
        continue
    fi
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/found/$name-" "$build/corpus/$name" "$seeds" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "ok   fuzz $name: $runs inputs in $seconds s"
        passed=$((passed + 1))
    else
        tail -n 40 "$log"
        echo "FAIL fuzz $name: the input is in $build/found"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
