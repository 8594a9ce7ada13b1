#!/bin/sh
# The shared library exports only viseme_ names, the static one only viseme_ and vis_ names.
#   tests/checks/exported_names.sh BUILD
set -eu
build=$1
cd "$(dirname "$0")/../.."

# outside PATTERN: the names on standard input that PATTERN does not allow
outside() { grep -Ev "$1" || true; }
names() { nm "$@" | awk 'NF >= 2 && $(NF - 1) ~ /^[A-Z]$/ { print $NF }' | sort -u; }

[ "$(printf 'viseme_a\nvis_b\nother\n' | outside '^(viseme|vis)_')" = other ] || exit 1

shared=$(names -D --defined-only "$build/libviseme.so")
static=$(names -g --defined-only "$build/libviseme.a")
echo "$shared" | grep -q '^viseme_version$' ||
    { echo "libviseme.so does not export viseme_version" >&2; exit 1; }
bad=$(echo "$shared" | outside '^viseme_')
[ -z "$bad" ] || { echo "libviseme.so exports:" $bad >&2; exit 1; }
bad=$(echo "$static" | outside '^(viseme|vis)_')
[ -z "$bad" ] || { echo "libviseme.a defines:" $bad >&2; exit 1; }

# Every function the header declares is there.
declared=$(sed -n 's/^ *VISEME_API[^(]*[ *]\(viseme_[a-z0-9_]*\)(.*/\1/p' include/viseme.h |
    sort -u)
absent=$(printf '%s\n%s\n%s\n' "$shared" "$shared" "$declared" | sort | uniq -u)
[ -z "$absent" ] || { echo "declared in viseme.h, not in libviseme.so:" $absent >&2; exit 1; }
echo "$(echo "$shared" | wc -l) exported names, all viseme_"
