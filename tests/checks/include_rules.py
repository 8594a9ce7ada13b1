#!/usr/bin/env python3
"""Checks who includes whom.

    kernels <- engine <- nets        nets, signal <- tasks        tasks (viseme.h), io <- cli

Tests and benchmarks may see everything; nothing else includes upward or sideways.
Quoted includes are written from the repository root, the public header as "viseme.h".
--self-test checks that each rule can fail.
"""
import os
import re
import sys

# Folders whose headers a folder may include, besides "viseme.h" where the last word says so.
LAYERS = {
    "base": ({"base"}, True),
    "kernels": ({"kernels"}, False),
    "engine": ({"base", "kernels", "engine"}, True),
    "nets": ({"base", "engine", "nets"}, True),
    "signal": ({"base", "signal"}, True),
    "tasks": ({"base", "engine", "nets", "signal", "tasks"}, True),
    "io": ({"base", "io"}, True),
    "cli": ({"base", "io", "cli"}, True),
}
MEDIA = re.compile(r"lib(avcodec|avformat|avutil|swscale|swresample|avdevice|avfilter)/")
INTRINSICS = re.compile(r"(imm|[a-z]mm)intrin\.h$|x86intrin\.h$|arm_neon\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_include(path, quote, target):
    """Why the file at `path` may not include `target`, or None."""
    parts = path.split("/")
    layer = parts[0]
    if path == "include/viseme.h":
        return None if target in ("stddef.h", "stdint.h") else "viseme.h may include only " \
            "<stddef.h> and <stdint.h>"
    if quote == "<":
        if MEDIA.match(target) and not re.match(r"(io/ffmpeg[^/]*|cli/version\.c)$", path):
            return "FFmpeg belongs in io/ffmpeg*, which FFMPEG=0 leaves out, and cli/version.c"
        if target == "cairo.h" and not (path.startswith("io/") and path.endswith("_cairo.c")):
            return "cairo belongs in io/*_cairo.c, which CAIRO=0 leaves out"
        if target == "png.h" and layer != "io":
            return "libpng belongs in io/"
        if INTRINSICS.search(target) and parts[:2] not in (["kernels", "x86"], ["kernels", "arm"]):
            return "intrinsics belong in kernels/x86/ or kernels/arm/"
        return None
    folders, public = LAYERS[layer]
    if target == "viseme.h":
        return None if public else f"{layer}/ may not include viseme.h"
    if "/" not in target or target.startswith("."):
        return "write the path from the repository root"
    if target.split("/")[0] not in folders:
        return f"{layer}/ may include only {', '.join(sorted(folders))}"
    if layer == "kernels" and len(parts) > 2 and os.path.dirname(target) not in (
            "kernels", os.path.dirname(path)):
        return f"{os.path.dirname(path)}/ may include only kernels.h and its own headers"
    return None


def check_file(path, text):
    """Complaints about one source file, as 'path:line: reason'."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        reason = match and check_include(path, match.group(1), match.group(2))
        if reason:
            found.append(f"{path}:{number}: includes {match.group(2)}: {reason}")
    # A file for one instruction set must refuse to be compiled without its flag.
    if re.match(r"kernels/(x86|arm)/.*_(avx2|avx512|neon)[^/]*\.c$", path) \
            and not re.search(r"^\s*#\s*error", text, re.M):
        found.append(f"{path}:1: no #error for a missing instruction set flag")
    return found


def self_test():
    bad = [
        ("engine/a.c", '#include "nets/lipnet.h"'), ("engine/a.c", '#include "io/npy.h"'),
        ("nets/a.c", '#include "kernels/kernels.h"'), ("nets/a.c", '#include "tasks/read.h"'),
        ("kernels/c/a.c", '#include "base/error.h"'), ("kernels/a.c", '#include "viseme.h"'),
        ("kernels/c/a.c", '#include "kernels/x86/x86.h"'), ("signal/a.c", '#include "io/png.h"'),
        ("cli/a.c", '#include "engine/graph.h"'), ("cli/a.c", '#include "tasks/read.h"'),
        ("io/a.c", '#include "engine/graph.h"'), ("io/a.c", '#include "npy.h"'),
        ("io/a.c", '#include "../base/error.h"'), ("tasks/a.c", "# include <libavutil/avutil.h>"),
        ("io/wav.c", "#include <libavutil/avutil.h>"), ("engine/a.c", "#include <png.h>"),
        ("cli/plot.c", "#include <cairo.h>"),
        ("engine/a.c", "#include <immintrin.h>"), ("include/viseme.h", "#include <stdio.h>"),
        ("kernels/x86/gemm_avx2.c", '#include "kernels/kernels.h"'),
    ]
    good = [
        ("engine/a.c", '#include "kernels/kernels.h"'), ("nets/a.c", '#include "engine/graph.h"'),
        ("tasks/a.c", '#include "signal/haar.h"'), ("cli/a.c", '#include "io/npy.h"'),
        ("cli/a.c", '#include "viseme.h"'), ("io/ffmpeg.c", "#include <libavutil/avutil.h>"),
        ("kernels/c/a.c", '#include "kernels/kernels.h"'), ("base/a.c", '#include "base/error.h"'),
        ("kernels/x86/a_avx2.c", "#error\n#include <immintrin.h>"),
        ("io/png.c", "#include <png.h>"),
    ]
    wrong = [f"not refused: {p}: {t}" for p, t in bad if not check_file(p, t)]
    wrong += [f"refused: {c}" for p, t in good for c in check_file(p, t)]
    print("\n".join(wrong) or f"{len(bad)} refused and {len(good)} accepted as they should be")
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    os.chdir(root)
    found, files = [], 0
    for folder in sorted(LAYERS) + ["include"]:
        for where, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.join(where, name)
                    files += 1
                    with open(path, encoding="utf-8") as file:
                        found += check_file(path, file.read())
    print("\n".join(found) or f"{files} files follow the include rules")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
