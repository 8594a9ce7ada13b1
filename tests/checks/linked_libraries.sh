#!/bin/sh
# libviseme needs no media library: only the C library, BLAS and the parsers.
#   tests/checks/linked_libraries.sh BUILD
set -eu
build=$1
cd "$(dirname "$0")/../.."
system='libc|libm|libpthread|ld-linux-x86-64|ld-linux-aarch64'
allowed="^($system|libopenblas|libjansson|libexpat|libkissfft-float|libz)\.so\.[0-9]+\$"

outside() { grep -Ev "$allowed" || true; }
[ "$(printf 'libc.so.6\nlibavcodec.so.59\n' | outside)" = libavcodec.so.59 ] || exit 1

needed=$(readelf -d "$build/libviseme.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ] || { echo "libviseme.so names no library at all" >&2; exit 1; }
bad=$(echo "$needed" | outside)
[ -z "$bad" ] || { echo "libviseme.so needs:" $bad >&2; exit 1; }
echo "libviseme.so needs" $needed
