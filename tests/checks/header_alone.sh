#!/bin/sh
# viseme.h compiles alone, as C99 and as C++, with every pedantic warning an error.
#   tests/checks/header_alone.sh CC
set -eu
cc=$1
cd "$(dirname "$0")/../.."
strict='-Wall -Wextra -pedantic-errors -Werror -fsyntax-only -Iinclude'
source='#include "viseme.h"'
echo "$source" | "$cc" -x c -std=c99 $strict -
# clang, because gcc has no C++ without a package of its own.
echo "$source" | clang -x c++ -std=c++98 -Wno-c++11-long-long $strict -
echo "$source" | clang -x c++ -std=c++17 $strict -

# The same flags must be able to refuse.
if echo "$source
int f(a) { return a }" | "$cc" -x c -std=c99 $strict - 2>/dev/null; then
    echo "the compiler accepts anything" >&2
    exit 1
fi
echo "viseme.h compiles alone as C99 and C++"
