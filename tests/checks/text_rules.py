#!/usr/bin/env python3
"""Checks the text of every file that git knows or would add.

Failures: trailing blanks, tabs outside makefiles, no newline at the end, carriage returns and
control characters, text that is not UTF-8, code lines over 100 columns, paths of one person's
machine, notes to oneself, ticket numbers. Warnings: code files over 600 lines.
--self-test checks that each rule can fail.
"""
import os
import re
import subprocess
import sys

CODE = (".c", ".h", ".py", ".sh", ".mk", ".js")
TABS = ("Makefile", ".mk")
BINARY = (".png", ".npy", ".npz", ".safetensors", ".wav", ".mp4", ".avi", ".bin", ".pt")
# Data of others' making or of a machine's: not read as text.
SKIPPED = re.compile(r"^(tests/fuzz/corpus/|tests/goldens/|tests/data/|bench/results/|"
                     r"bench/package-lock\.json$)")
COLUMNS, LINES = 100, 600

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
HOME = re.compile(r"(?<![\w.*)}\]~-])/(?:home|root|work|Users|mnt)/\w")
NOTE = re.compile(r"\b(?:" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX"]) + r")\b")
TICKET = re.compile(r"\b(?:issue|ticket)s? #?\d", re.I)


def check_text(path, data):
    """(failures, warnings) about the bytes of one file, as 'path:line: reason'."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return [f"{path}: not UTF-8 at byte {error.start}"], []
    code = path.endswith(CODE) or os.path.basename(path) == "Makefile" or path == ".ci/run"
    found, warned = [], []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        rules = (
            (line != line.rstrip(), "trailing blanks"),
            ("\t" in line and not path.endswith(TABS), "tab"),
            (CONTROL.search(line), "control character"),
            (code and len(line) > COLUMNS, f"over {COLUMNS} columns"),
            (HOME.search(line), "path of one machine"),
            (NOTE.search(line), "note to oneself"),
            (TICKET.search(line), "ticket number: say what it is about"),
        )
        found += [f"{path}:{number}: {reason}" for broken, reason in rules if broken]
    if text and not text.endswith("\n"):
        found.append(f"{path}:{len(lines)}: no newline at the end")
    if text.endswith("\n\n"):
        found.append(f"{path}:{len(lines)}: empty line at the end")
    if code and len(lines) - 1 > LINES:
        warned.append(f"{path}: {len(lines) - 1} lines, over {LINES}: one idea per file?")
    return found, warned


def self_test():
    bad = {"a.c": [b"int a; \n", b"\tint a;\n", b"int a;", b"int a;\r\n", b"a\x01\n", b"\xff\n",
                   b"/" * 101 + b"\n", b"see /ho" b"me/me/x\n", b"TO" b"DO: later\n",
                   b"as issue" b" 12 says\n", b"a\n\n"]}
    good = {"a.c": [b"int a;\n", b"", b"\xc3\xa9\n", b"/" * 100 + b"\n", b"see /usr/share/x\n"],
            "a.mk": [b"\trule\n"], "a.md": [b"/" * 200 + b"\n"]}
    wrong = [f"not refused: {t!r}" for p, ts in bad.items() for t in ts if not check_text(p, t)[0]]
    wrong += [f"refused: {t!r}" for p, ts in good.items() for t in ts if check_text(p, t)[0]]
    if not check_text("a.c", b"x\n" * 601)[1] or check_text("a.c", b"x\n" * 600)[1]:
        wrong.append("the warning about long files is wrong")
    print("\n".join(wrong) or "refused and accepted as they should be")
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    os.chdir(root)
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], stdout=subprocess.PIPE, check=True).stdout
    found, warned, files = [], [], 0
    for path in sorted(set(listed.decode().split("\0")) - {""}):
        if path.endswith(BINARY) or SKIPPED.match(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            bad, long = check_text(path, file.read())
        found += bad
        warned += long
        files += 1
    for line in warned:
        print(f"warning: {line}")
    print("\n".join(found) or f"{files} files follow the text rules")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
