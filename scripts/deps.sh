#!/bin/sh
# Installs what viseme needs, and nothing when nothing is missing.
#
#   scripts/deps.sh [--check] build|parity|demo|test|bench|synth ...
#
# Every package has a probe of what it is for (a header that compiles, a program, a Python
# module), so libraries from anywhere count. What fails its probe is installed from Debian's
# packages as root or through sudo; without the right to do so the one line to run is printed.
# --check installs nothing: it lists what is missing and exits 1.
# Honours CC, PYTHON, FFMPEG=0, BLAS=0 and CAIRO=0 as the Makefile does.
set -u

CC=${CC:-gcc}
PYTHON=${PYTHON:-/usr/bin/python3}
FFMPEG=${FFMPEG:-1}
BLAS=${BLAS:-1}
CAIRO=${CAIRO:-1}
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
missing=
APT='apt-get -q -o DPkg::Lock::Timeout=300'

program() { command -v "$1" >/dev/null 2>&1; }
pkg() { pkg-config --exists "$1" 2>/dev/null; }
module() {
    "$PYTHON" -c 'import importlib.util as u, sys; sys.exit(u.find_spec(sys.argv[1]) is None)' \
        "$1" 2>/dev/null
}
# CC may be several words, such as "ccache gcc".
header() { echo "#include <$1>" | $CC -x c -E -o /dev/null - 2>/dev/null; }
links() { echo 'int main(void) { return 0; }' | $CC -x c -o "$scratch/a" - "$@" 2>/dev/null; }
cmocka() {
    printf '#include <%s>\n' stdarg.h stddef.h stdint.h setjmp.h cmocka.h |
        $CC -x c -E -o /dev/null - 2>/dev/null
}
fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' |
        clang -x c -fsanitize=fuzzer,address -o "$scratch/f" - 2>/dev/null
}
cascade() { test -r /usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml; }

# need PACKAGE PROBE...: PACKAGE is missing when PROBE fails
need() {
    package=$1
    shift
    "$@" || missing="$missing $package"
}

need_build() {
    case $CC in
    *clang*) need clang program "${CC%% *}" ;;
    *) need gcc program "${CC%% *}" ;;
    esac
    need libc6-dev header stdio.h
    need pkg-config program pkg-config
    need libjansson-dev pkg jansson
    need libexpat1-dev pkg expat
    need libkissfft-dev pkg kissfft-float
    need zlib1g-dev pkg zlib
    need libpng-dev pkg libpng
    need opencv-data cascade
    if [ "$BLAS" != 0 ]; then
        need libopenblas-dev blas
    fi
    if [ "$CAIRO" != 0 ]; then
        need libcairo2-dev pkg cairo
    fi
    if [ "$FFMPEG" != 0 ]; then
        for lib in avformat avcodec avutil swscale swresample; do
            need "lib$lib-dev" pkg "lib$lib"
        done
    fi
}
blas() { header cblas.h && links -lopenblas; }

need_parity() {
    need python3 program "$PYTHON"
    need python3-numpy module numpy
}

need_demo() {
    need_parity
    need espeak-ng program espeak-ng
}

need_test() {
    need libcmocka-dev cmocka
    need clang program clang
    need libclang-rt-dev fuzzer
    need clang-format program clang-format
    need_synth
    need_python
    need python3-pytest module pytest
    need python3-h5py module h5py
    need zsh program zsh
    need groff-base program groff
}

# The renderer of talking faces.
need_synth() {
    need_parity
    need python3-cairo module cairo
    need espeak-ng program espeak-ng
    need ffmpeg program ffmpeg
}

need_bench() {
    need_python
    need nodejs program node
    need npm program npm
}
need_python() {
    need_parity
    need python3-torch module torch
}

# install PACKAGE...: as root or through sudo, fetching the package lists if they are needed
install() {
    if ! program apt-get; then
        echo "deps: not a Debian system; install what these packages hold: $*" >&2
        return 1
    fi
    as=
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "deps: missing packages; run this, then try again:" >&2
            echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $*" >&2
            return 1
        fi
        as='sudo -n'
    fi
    echo "deps: installing $*"
    if ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 && apt_install "$@"; then
        return 0
    fi
    $as $APT update && apt_install "$@"
}
apt_install() {
    $as env DEBIAN_FRONTEND=noninteractive $APT install -y --no-install-recommends "$@"
}

# install_peer FOLDER: what a comparison needs from npm, at the versions that
# FOLDER/package-lock.json pins. No script of a package is run.
install_peer() {
    folder=$root/$1
    if [ -e "$folder/node_modules/.package-lock.json" ] &&
        [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
        return 0
    fi
    echo "deps: installing $1/node_modules"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
}

check=0
if [ "${1:-}" = --check ]; then
    check=1
    shift
fi
if [ $# = 0 ]; then
    echo "usage: scripts/deps.sh [--check] build|parity|demo|test|bench|synth ..." >&2
    exit 2
fi
probe() {
    missing=
    for set in "$@"; do
        case $set in
        build | parity | demo | test | bench | synth) "need_$set" ;;
        *)
            echo "deps: unknown set '$set': give build, parity, demo, test, bench or synth" >&2
            exit 2
            ;;
        esac
    done
    missing=$(echo $missing | tr ' ' '\n' | awk '!seen[$0]++' | tr '\n' ' ')
    missing=${missing% }
}

probe "$@"
if [ -n "$missing" ]; then
    if [ $check = 1 ]; then
        echo "missing: $missing (\`make deps\` installs what the build needs)" >&2
        exit 1
    fi
    # Word splitting of the list is wanted.
    install $missing || exit 1
    probe "$@"
    if [ -n "$missing" ]; then
        echo "deps: installed, but still not usable: $missing" >&2
        exit 1
    fi
fi
case " $* " in
*' bench '*) [ $check = 1 ] || install_peer bench || exit 1 ;;
esac
# Tests can do without: they skip, and count it.
case " $* " in
*' test '*)
    if [ $check = 0 ] && program node && program npm && ! install_peer tests/peers; then
        echo "deps: tests/peers is not installed; its tests will be skipped" >&2
    fi
    ;;
esac
