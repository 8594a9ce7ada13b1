#!/usr/bin/python3
"""Whether `viseme sync` finds a known shift of real sound, and whether --fix takes it away.

    bench/accuracy/sync_shift.py [--weights FILE] [--program build/viseme] [--clips N] [--quick]

Three clips of one speaker behind each other (9 s) are encoded for each container and frame rate,
with their sound moved by -400 to 400 ms. What is found is judged against what the unmoved file
gives: multiples of 40 ms must be found exactly in frames, others within 20 ms; after --fix at most
20 ms may be left of it. Prints a table of the largest errors, then every shift that was missed.
--clips: so many such joined clips of each set. --drift: instead, sound that is 0.2 to 0.5 % too
long or too short, and --fix-drift, on 36 s.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import record  # noqa: E402
import sync_clips  # noqa: E402

CONTAINERS = ("mp4", "mkv", "mov", "mpg")
RATES = {"25": "25", "29.97": "30000/1001"}
SHIFTS = (-400, -240, -130, -80, -40, 40, 70, 120, 230, 400)
QUICK_SHIFTS = (-400, 70, 240)
DRIFTS = (1.005, 1.002, 0.998, 0.995)
JOINED, LONG = 3, 12
WITHIN = 20  # ms


def encode(source, out, rate, sound):
    """source with another frame rate and its sound through the filter `sound`."""
    codecs = (["-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2"] if out.endswith("mpg") else
              ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-c:a", "aac"])
    sync_clips.ffmpeg("-i", source, "-af", sound, "-r", rate, *codecs, out)


def moved(shift):
    """The filter that makes sound `shift` ms early."""
    if shift < 0:
        return f"adelay={-shift}:all=1"
    return f"atrim=start={shift / 1000},asetpts=PTS-STARTPTS" if shift else "anull"


def sync(args, path, *options):
    run = subprocess.run([args.program, "sync", "-q", "-m", args.weights, "--json", path, *options],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         stdin=subprocess.DEVNULL)
    return json.loads(run.stdout)


def check(args, source, scratch, shifts):
    """[(container, rate, shift, error in ms, frames right, left after the repair)] of a file; None
    for what is unknown."""
    rows = []
    for ending in CONTAINERS:
        for name, rate in RATES.items():
            path, out = (os.path.join(scratch, f"{x}.{ending}") for x in ("in", "out"))
            encode(source, path, rate, moved(0))
            own = sync(args, path)
            for shift in shifts:
                encode(source, path, rate, moved(shift))
                found = sync(args, path, "--fix", out)
                if own["status"] != "ok" or found["status"] != "ok":
                    rows.append((ending, name, shift, None, False, None))
                    continue
                error = found["offset_ms"] - own["offset_ms"] - shift
                frames = found["offset_frames"] - own["offset_frames"]
                after = found["fix"]["after_ms"]
                rows.append((ending, name, shift, error, shift % 40 or frames == shift // 40,
                             None if after is None else after - own["offset_ms"]))
    return rows


def largest(values):
    known = [abs(v) for v in values if v is not None]
    return f"{max(known):.1f}" if known else ""


def is_right(row):
    return (row[3] is not None and abs(row[3]) <= WITHIN and row[4] and row[5] is not None and
            abs(row[5]) <= WITHIN)


def tell(rows):
    lines = []
    for ending in CONTAINERS:
        for name in RATES:
            own = [r for r in rows if r[:2] == (ending, name)]
            unknown = sum(r[3] is None for r in own)
            lines.append([ending, name, f"{sum(map(is_right, own))} of {len(own)}", str(unknown),
                          largest(r[3] for r in own), largest(r[5] for r in own)])
    print("\n".join(record.table(["container", "frames a second", "right", "unknown",
                                  "largest error, ms", "largest left after --fix, ms"], lines)))
    for row in rows:
        if not is_right(row):
            print(f"\nmissed: {row}", end="")
    print("\n")


def drift(args, source, scratch):
    lines = []
    for longer in DRIFTS:
        path, out = (os.path.join(scratch, f"{x}.mp4") for x in ("in", "out"))
        encode(source, path, "25",
               f"aresample=48000,asetrate={round(48000 / longer)},aresample=48000")
        fix = sync(args, path, "--window", "5", "--fix", out, "--fix-drift").get("fix") or {}
        lines.append([f"{60000 * (1 - longer):+.0f}",
                      *(f"{fix[key]:+.1f}" if fix.get(key) is not None else "unknown"
                        for key in ("drift_before_ms_per_min", "drift_after_ms_per_min",
                                    "after_ms"))])
    print("\n".join(record.table(["drift made, ms/min", "found", "left after --fix-drift",
                                  "offset left, ms"], lines)) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "viseme"))
    parser.add_argument("--weights", default=os.path.join(ROOT, "weights", "sync.safetensors"))
    parser.add_argument("--clips", type=int, default=1, metavar="N")
    parser.add_argument("--quick", action="store_true", help="few shifts, speaker 1 only")
    parser.add_argument("--drift", action="store_true", help="drifts instead of shifts")
    args = parser.parse_args()
    count = LONG if args.drift else JOINED
    sets = [s for s in sync_clips.data_sets() if s[0].startswith("speaker 1") or not args.quick]
    for name, paths in sets:
        with tempfile.TemporaryDirectory() as scratch:
            sources = sync_clips.joined(paths[:count * args.clips], count, scratch)
            if not sources:
                continue
            print(f"### {name}: {len(sources)} of {count} clips\n")
            for source in sources:
                if args.drift:
                    drift(args, source, scratch)
            if not args.drift:
                tell([row for source in sources
                      for row in check(args, source, scratch,
                                       QUICK_SHIFTS if args.quick else SHIFTS)])


if __name__ == "__main__":
    main()
