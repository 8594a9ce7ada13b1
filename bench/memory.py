#!/usr/bin/python3
"""Does memory grow with the length of a video? Peak RSS of `viseme read` on loops of a clip.

    bench/memory.py [--build BUILD] [--minutes N...] [--clip VIDEO] [-- OPTION...]

The loops are made by the ffmpeg program in a temporary folder, without encoding anew, and
removed. Without --clip the first clip of ../shared/clips/grid is taken, or drawn faces where there
is none. Options after -- go to `viseme read`. Prints a table; exits 1 when the longest run needs
over 20 % more memory than the first. An hour takes 5 to 15 minutes: --minutes 1 60.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 1.2


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


def draw(folder):
    """Three seconds of a drawn face."""
    sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
    import pictures
    for i in range(75):
        pictures.write_png(os.path.join(folder, f"{i:02d}.png"), pictures.face(i % 8 / 7))
    clip = os.path.join(folder, "drawn.mkv")
    ffmpeg("-framerate", 25, "-i", os.path.join(folder, "%02d.png"), "-pix_fmt", "yuv420p", clip)
    return clip


def seconds_of(clip):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of",
                           "csv=p=0", clip], check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def measure(program, folder, clip, minutes, options):
    """The report of one run."""
    loop, report = os.path.join(folder, "loop.mkv"), os.path.join(folder, "report.json")
    turns = max(1, round(60 * minutes / seconds_of(clip)))
    ffmpeg("-stream_loop", turns - 1, "-i", clip, "-map", "0:v:0", "-c", "copy", loop)
    subprocess.run([program, "read", "-q", loop, "-o", os.path.join(folder, "text"), "--report",
                    report, *options], check=True)
    os.unlink(loop)
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5])
    parser.add_argument("--clip")
    parser.add_argument("options", nargs="*", help="for viseme read, after --")
    args = parser.parse_args()
    program = os.path.join(ROOT, args.build, "viseme")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        shared = sorted(glob.glob(os.path.join(ROOT, os.pardir, "shared", "clips", "grid",
                                               "*.mpg")))
        clip = args.clip or (shared[0] if shared else draw(folder))
        print(f"{'minutes':>8} {'crops':>8} {'peak RSS MB':>12} {'to the first':>13} "
              f"{'wall s':>8} {'CPU s':>8}")
        for minutes in args.minutes:
            report = measure(program, folder, clip, minutes, args.options)
            usage, crops = report["usage"], report["inputs"][0]["crops"]
            peaks.append(usage["peak_rss_bytes"])
            print(f"{minutes:8g} {crops:8d} {peaks[-1] / 1e6:12.1f} {peaks[-1] / peaks[0]:13.3f} "
                  f"{usage['total_s']:8.1f} {usage['cpu_s']:8.1f}", flush=True)
    return 1 if max(peaks) > LIMIT * peaks[0] else 0


if __name__ == "__main__":
    sys.exit(main())
