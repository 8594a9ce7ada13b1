#!/usr/bin/python3
"""How long `viseme read` takes with a sentence reader of the published size, by stages.

    bench/sentences.py [--build BUILD] [--seconds N...] [--dtypes f32,bf16] [--beam N] [--threads N]
                       [--rounds N] [--clip VIDEO] [--keep FOLDER] [--dry]

The weights (250 million numbers, 1 GB as f32, half of it as bf16) are random and made here; --keep
keeps them and finds them again. Their decoder has no reason to end a sentence, so every search goes
on for as many steps as its window has frames, with a full beam: no clip takes longer. A sentence
that is read ends after about as many steps as it has units. Clips are loops of one, cut by the
ffmpeg program in a temporary folder without encoding anew; without --clip the first clip of
../shared/clips/grid, or drawn faces where there is none. The faces are found in the thread that
decodes; the network's windows and the searches follow in the same process, one after the other.
Figures are those of the round with the median total. Prints Markdown and, without --dry, writes
bench/results/sentences-DATE-CPU.md and .json.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import record
from memory import ROOT, draw, ffmpeg, seconds_of

STAGES = (("video_s", "decode"), ("face_s", "find face"), ("network_s", "encoder"),
          ("decoder_s", "search"))
DTYPES = ("f32", "bf16")


def write_weights(path, dtype):
    """A reader of the published size that knows numbers instead of words."""
    sys.path.insert(0, os.path.join(ROOT, "weights-tools"))
    import architectures
    import convert
    import networks
    import safetensors_io
    import seeded_weights
    from tensors import StoredTensor
    arch, config = seeded_weights.settled("syncvsr_lrs")  # the default, and 88 pixels
    vocab = networks.numbers(architectures.ARCHITECTURES[arch], config)
    tensors = {name: StoredTensor(value.tobytes, value.size, "F32", value.shape)
               for name, value in networks.weights(arch).items()}
    safetensors_io.write(path, tensors, dtype.upper(), {
        "viseme.format": "1", "viseme.arch": arch, "viseme.config": convert.compact(config),
        "viseme.vocab": json.dumps(vocab)})


def run_read(command):
    """The JSON of one `viseme read`, its peak memory in bytes and its CPU seconds."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return json.loads(text), usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def median_run(runs):
    """The run whose total is the median, the faster one of two in the middle."""
    return sorted(runs, key=lambda run: run["stages"]["total_s"])[(len(runs) - 1) // 2]


def row_of(found, peak, cpu_s):
    """What the table wants of a run."""
    return {"seconds": found["duration_s"], "crops": found["crops"], "stages": found["stages"],
            "peak_rss_bytes": peak, "cpu_s": round(cpu_s, 2)}


def measure(args, program, clip, weights):
    command = [program, "read", "-q", "--json", "-m", weights, "--beam", str(args.beam),
               *(["--threads", str(args.threads)] if args.threads else []), clip]
    return median_run([row_of(*run_read(command)) for _ in range(args.rounds)])


def markdown(rows):
    """Lines: a table of seconds, real-time factors and memory."""
    head = ["weights", "video", "load, s", *(f"{name}, s" for _, name in STAGES),
            "whole without load, s", "real-time factor",
            *(f"of it {name}" for _, name in STAGES[1:]), "CPU, s", "peak RSS, MB"]
    cells = []
    for row in rows:
        stages, seconds = row["stages"], row["seconds"]
        cells.append([row["weights"], f"{seconds:.1f} s", f"{stages['load_s']:.2f}",
                      *(f"{stages[key]:.2f}" for key, _ in STAGES), f"{stages['total_s']:.2f}",
                      f"{stages['total_s'] / seconds:.2f}",
                      *(f"{stages[key] / seconds:.2f}" for key, _ in STAGES[1:]),
                      f"{row['cpu_s']:.1f}", f"{row['peak_rss_bytes'] / 1e6:.0f}"])
    return record.table(head, cells)


def parse():
    def dtypes(text):
        chosen = text.split(",")
        if set(chosen) - set(DTYPES):
            raise argparse.ArgumentTypeError(f"give some of {','.join(DTYPES)}")
        return chosen

    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3, 10, 30])
    parser.add_argument("--dtypes", type=dtypes, default=list(DTYPES))
    parser.add_argument("--beam", type=int, default=40)
    parser.add_argument("--threads", type=int, default=0, help="default: one per CPU")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clip")
    parser.add_argument("--keep", metavar="FOLDER", help="where the weights stay")
    parser.add_argument("--dry", action="store_true", help="nothing written")
    return parser.parse_args()


def main():
    args = parse()
    program = os.path.join(ROOT, args.build, "viseme")
    result = {"date": record.today(), "commit": record.commit(), "machine": record.machine(),
              "beam": args.beam, "threads": args.threads, "rounds": args.rounds, "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        shared = sorted(glob.glob(os.path.join(ROOT, os.pardir, "shared", "clips", "grid",
                                               "*.mpg")))
        clip = args.clip or (shared[0] if shared else draw(folder))
        loop = os.path.join(folder, "loop.mkv")
        for dtype in args.dtypes:
            weights = os.path.join(args.keep or folder, f"syncvsr-{dtype}.safetensors")
            if not os.path.exists(weights):
                write_weights(weights, dtype)
            for seconds in args.seconds:
                ffmpeg("-stream_loop", max(0, int(seconds // seconds_of(clip))), "-i", clip,
                       "-map", "0:v:0", "-t", seconds, "-c", "copy", loop)
                row = {"weights": dtype, **measure(args, program, loop, weights)}
                result["rows"].append(row)
                print(f"{dtype} {seconds:g} s: {row}", file=sys.stderr)
    lines = record.heading("`viseme read` with a sentence reader of the published size", result)
    lines += [f"Random weights, beam {args.beam}, threads: {args.threads or 'one per CPU'}; "
              f"median of {args.rounds} rounds. No hypothesis ends by itself, so the search is as "
              "long as it can be.", "", *markdown(result["rows"])]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if not args.dry:
        record.write(result, text, "sentences-")
    return 0


if __name__ == "__main__":
    sys.exit(main())
