#!/usr/bin/env python3
"""Runs the test programs that make has built and sums their counts.

    tests/run.py --build BUILD [--only WORD...] [--slow] [--] SUITE...

Suites: units (cmocka programs), kernels (checkkern), fuzz (every fuzz target replays its seed
corpus), tools and cli (pytest), checks (rules about the sources and the built libraries).
One line for each program, its whole output when it fails, and one count for all at the end.
Tests find the build through $VISEME_BUILD; $VISEME_TEST_SMALL=1 asks them to crop large shapes.
Exits 1 when anything failed or nothing ran.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNTS = {"passed": "passed", "failed": "failed", "error": "failed", "errors": "failed",
          "skipped": "skipped"}


class Item:
    """One program to run. reads(output) gives its counts, or None to count it as one test."""

    def __init__(self, name, command, timeout, reads=None):
        self.name, self.command, self.timeout, self.reads = name, command, timeout, reads


def read_cmocka(output):
    """Counts of every group of a cmocka program; skipped tests are not among the passed ones."""
    total = sum(map(int, re.findall(r"^\[==========\].* (\d+) test\(s\) run\.", output, re.M)))
    if total == 0:
        return None
    failed = sum(map(int, re.findall(r"^\[  FAILED  \].* (\d+) test\(s\), listed below", output,
                                     re.M)))
    skipped = sum(map(int, re.findall(r"^\[  SKIPPED \].* (\d+) test\(s\), listed below", output,
                                      re.M)))
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}


def read_line(output):
    """Counts of the last line of the form '12 passed, 1 failed, 2 skipped ...', in any order."""
    for line in reversed(output.splitlines()):
        found = re.findall(r"(\d+) (passed|failed|errors?|skipped)\b", line)
        if found:
            counts = {"passed": 0, "failed": 0, "skipped": 0}
            for number, word in found:
                counts[COUNTS[word]] += int(number)
            return counts
    return None


def sources(pattern):
    return [os.path.basename(p)[:-2] for p in sorted(glob.glob(os.path.join(ROOT, pattern)))]


def units(args):
    return [Item(name, [f"{args.build}/tests/{name}"], 120, read_cmocka)
            for name in sources("tests/unit/test_*.c")
            if not args.only or any(word in name for word in args.only)]


def kernels(args):
    program = f"{args.build}/checkkern"
    return [Item("checkkern", [program], 240, read_line)] if sources("tests/checkkern/*.c") else []


def fuzz(args):
    items = []
    for name in sources("tests/fuzz/fuzz_*.c"):
        program = f"{args.build}/replay/{name}"
        if os.path.exists(program):
            corpus = os.path.join("tests/fuzz/corpus", name[len("fuzz_"):])
            items.append(Item(f"{name} corpus", [program, corpus], 120))
    return items


def pytest(args, folder):
    """A process for each file, so that all CPUs have work; the largest files first."""
    files = glob.glob(os.path.join(ROOT, folder, "test_*.py"))
    return [Item(name, [args.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", name], 600,
                 read_line)
            for name in (os.path.relpath(path, ROOT)
                         for path in sorted(files, key=os.path.getsize, reverse=True))]


def checks(args):
    def script(name, *rest):
        path = f"tests/checks/{name}"
        return [args.python, path, *rest] if name.endswith(".py") else ["sh", path, *rest]

    return [
        Item("include rules can fail", script("include_rules.py", "--self-test"), 60),
        Item("include rules", script("include_rules.py"), 60),
        Item("text rules can fail", script("text_rules.py", "--self-test"), 60),
        Item("text rules", script("text_rules.py"), 60),
        Item("header alone", script("header_alone.sh", args.cc), 60),
        Item("exported names", script("exported_names.sh", args.build), 60),
        Item("linked libraries", script("linked_libraries.sh", args.build), 60),
        Item("shell syntax", script("shell_syntax.sh"), 60),
    ]


SUITES = {"tools": lambda args: pytest(args, "tests/tools"),
          "cli": lambda args: pytest(args, "tests/cli"),
          "kernels": kernels, "units": units, "fuzz": fuzz, "checks": checks}


def run(item, env, slow):
    start = time.monotonic()
    try:
        done = subprocess.run(item.command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=item.timeout * slow)
        code, output = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        code = f"no end after {item.timeout * slow} s"
        output = (error.stdout or b"").decode(errors="replace")
    except OSError as error:
        code, output = 127, str(error)
    counts = item.reads(output) if item.reads else None
    if counts is None:
        counts = {"passed": int(code == 0), "failed": int(code != 0), "skipped": 0}
    only_skipped = code == 5 and counts["skipped"] > 0  # of pytest: a file that skips itself
    if code != 0 and counts["failed"] == 0 and not only_skipped:
        counts["failed"] = 1  # a crash, a leak or a sanitizer report
    return item, code, output, counts, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--cc", default="gcc", help="the compiler of the checks")
    parser.add_argument("--only", nargs="*", help="run the units whose names hold one of these")
    parser.add_argument("--slow", action="store_true", help="five times the time limits")
    parser.add_argument("-j", "--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("suite", nargs="+", choices=sorted(SUITES))
    args = parser.parse_args()

    # A shell's background jobs ignore SIGINT, and what they start would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    env = dict(os.environ, VISEME_BUILD=os.path.join(ROOT, args.build))
    env.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions="
                   + os.path.join(ROOT, "tests", "lsan.supp"))
    # The longest programs first, so that they do not run alone at the end.
    items = [item for name in SUITES if name in args.suite for item in SUITES[name](args)]
    total = {"passed": 0, "failed": 0, "skipped": 0}
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        jobs = [pool.submit(run, item, env, 5 if args.slow else 1) for item in items]
        for job in concurrent.futures.as_completed(jobs):
            item, code, output, counts, seconds = job.result()
            bad = counts["failed"] > 0
            for key in total:
                total[key] += counts[key]
            note = "".join(f", {counts[k]} {k}" for k in ("failed", "skipped") if counts[k])
            if bad:
                failed.append(item.name)
                print(output.rstrip())
                note += f" (exit {code}: {' '.join(item.command)})"
            print(f"{'FAIL' if bad else 'ok  '} {item.name}: {counts['passed']} passed{note}, "
                  f"{seconds:.1f} s", flush=True)
    if failed:
        print("failed:", ", ".join(sorted(failed)))
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if failed or total["passed"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
