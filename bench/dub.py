#!/usr/bin/python3
"""Where the time of `viseme dub` goes, and whether its memory grows with the length.

    bench/dub.py [--build BUILD] [--weights FILE] [--seconds N...] [--clip VIDEO] [--threads N]

Dubs loops of a clip with a made sound: the whole command, one run a length. The loops are made by
the ffmpeg program in a temporary folder, without encoding anew. Without --clip the first clip of
../shared/clips/grid is taken, or drawn faces where there is none. The stages run in three threads
side by side, so that their sum may exceed the whole. Prints Markdown and writes
bench/results/dub-command-DATE-CPU.md and .json; exits 1 when the longest run needs over 20 % more
memory than the second.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import record
from memory import LIMIT, ROOT, draw, ffmpeg, seconds_of

STAGES = (("video_s", "decode"), ("face_s", "find face"), ("network_s", "network"),
          ("patch_s", "cut and patch"), ("paste_and_encode_s", "paste, encode"))
SOUND = "aevalsrc=0.2*sin(2*PI*(150+60*sin(5*t))*t)*(0.5+0.5*sin(18*t)):s=16000"


def measure(args, program, folder, clip, seconds):
    """What one run reports."""
    loop, sound, report = (os.path.join(folder, n) for n in ("loop.mkv", "sound.wav", "r.json"))
    turns = max(1, round(seconds / seconds_of(clip)))
    ffmpeg("-stream_loop", turns - 1, "-i", clip, "-map", "0:v:0", "-c", "copy", loop)
    ffmpeg("-f", "lavfi", "-i", SOUND, "-t", turns * seconds_of(clip), sound)
    subprocess.run([program, "dub", "-q", loop, sound, "-m", args.weights, "-o",
                    os.path.join(folder, "out.mkv"), "--report", report,
                    *(["--threads", str(args.threads)] if args.threads else [])], check=True)
    with open(report, encoding="utf-8") as file:
        found = json.load(file)
    return {"frames": found["inputs"][0]["frames"], "stages": found["inputs"][0]["stages"],
            "peak_rss_bytes": found["usage"]["peak_rss_bytes"], "cpu_s": found["usage"]["cpu_s"],
            "duration_s": found["inputs"][0]["duration_s"]}


def markdown(rows):
    """Lines: a table, milliseconds a frame."""
    head = ["video", "frames", "whole, s", "times real time", "CPU, s",
            *(f"{name}, ms a frame" for _, name in STAGES), "peak RSS, MB"]
    cells = []
    for row in rows:
        total = row["stages"]["total_s"]
        cells.append([f"{row['duration_s']:.0f} s", row["frames"], f"{total:.1f}",
                      f"{row['duration_s'] / total:.2f}", f"{row['cpu_s']:.1f}",
                      *(f"{1000 * row['stages'][key] / row['frames']:.2f}" for key, _ in STAGES),
                      f"{row['peak_rss_bytes'] / 1e6:.0f}"])
    return record.table(head, cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--weights", default=os.path.join(ROOT, "weights", "wav2lip.safetensors"))
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 60, 600])
    parser.add_argument("--clip")
    parser.add_argument("--threads", type=int, default=0,
                        help="of the network (default: one per CPU)")
    args = parser.parse_args()
    program = os.path.join(ROOT, args.build, "viseme")
    result = {"date": record.today(), "commit": record.commit(), "machine": record.machine(),
              "weights": os.path.basename(args.weights), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        shared = sorted(glob.glob(os.path.join(ROOT, os.pardir, "shared", "clips", "grid",
                                               "*.mpg")))
        clip = args.clip or (shared[0] if shared else draw(folder))
        for seconds in args.seconds:
            result["rows"].append(measure(args, program, folder, clip, seconds))
            print(f"{seconds:g} s: {result['rows'][-1]}", file=sys.stderr)
    lines = record.heading("`viseme dub` by stages", result)
    lines += [f"Weights: {result['weights']}; network threads: {args.threads or 'one per CPU'}.",
              "", *markdown(result["rows"])]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    record.write(result, text, "dub-command-")
    peaks = [row["peak_rss_bytes"] for row in result["rows"]]
    return 1 if peaks[-1] > LIMIT * peaks[min(1, len(peaks) - 1)] else 0


if __name__ == "__main__":
    sys.exit(main())
