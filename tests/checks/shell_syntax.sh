#!/bin/sh
# Every shell script parses, by the shell its first line names.
set -eu
cd "$(dirname "$0")/../.."
if echo 'if then' | sh -n 2>/dev/null; then
    echo "the shell accepts anything" >&2
    exit 1
fi
count=0
for script in .ci/run scripts/*.sh tests/*/*.sh; do
    case $(head -n 1 "$script") in
    *bash) bash -n "$script" ;;
    *) sh -n "$script" ;;
    esac
    count=$((count + 1))
done
echo "$count scripts parse"
