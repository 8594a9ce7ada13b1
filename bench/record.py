"""What every benchmark's results have in common: the machine, the commit, the files."""
import datetime
import json
import os
import platform
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def _cpu_name():
    with open("/proc/cpuinfo") as file:
        match = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    return match.group(1).strip() if match else platform.machine()


def machine():
    """What a result says about the machine; call before the work starts."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": _cpu_name(), "cpus": len(os.sched_getaffinity(0)), "memory_gib": round(memory),
            "kernel": platform.release(), "load_before": os.getloadavg()[0]}


def today():
    return datetime.date.today().isoformat()


def commit():
    return subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def heading(kind, result):
    """The first lines of a results page. result: date, commit and machine."""
    box = result["machine"]
    return [f"# {kind} of {result['date']}, {box['cpu']}", "",
            f"viseme at commit {result['commit']}; {box['cpus']} CPUs, {box['memory_gib']} GiB, "
            f"Linux {box['kernel']}, load {box['load_before']:.2f} before the run.", ""]


def table(head, rows):
    """The lines of a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def write(result, text, prefix=""):
    """Writes results/PREFIX-DATE-CPU.json and .md beside this file."""
    slug = re.sub(r"[^a-z0-9]+", "-", result["machine"]["cpu"].lower()).strip("-")
    stem = os.path.join(HERE, "results", f"{prefix}{result['date']}-{slug}")
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    with open(stem + ".json", "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    with open(stem + ".md", "w") as file:
        file.write(text)
    print(f"\nwritten: {os.path.relpath(stem)}.md and .json", file=sys.stderr)
