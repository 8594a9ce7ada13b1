#!/usr/bin/env python3
"""Renders talking faces: videos with sound, and exactly what is said and where the lips are.

    corpus.py --out DIR --clips N --seed S --split train --sentences grid
    corpus.py --frames DIR --text "bin blue at f two now" [--avatar NAME]

A corpus is a folder: corpus.json (how it was made), manifest.jsonl (one line a clip), and for each
clip NAME.mp4, NAME.txt, NAME.align (words, as GRID's), NAME.json (its line of the manifest) and
NAME.npy (float32 [T 68 2], pixels). The same options draw the same pictures. A corpus that was
interrupted goes on where it was. docs/synth.md tells more.
"""
import argparse
import hashlib
import json
import multiprocessing
import os
import struct
import subprocess
import sys
import tempfile
import wave
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np  # noqa: E402

from synth import sentences, speech  # noqa: E402
from synth.camera import CONDITIONS, SIZES  # noqa: E402
from synth.clip import Take, draw, make_take  # noqa: E402

AVATARS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "assets",
                       "avatars")
ALIGN_TICKS = 25000  # a second in GRID's alignments
FORMAT = 1           # of a corpus; goes up when the same options draw other pictures


class CorpusError(Exception):
    """One sentence for the user."""


# ---- Files --------------------------------------------------------------------------------------

def write_png(path, bgr):
    """Writes uint8 [H W 3] BGR."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    height, width, _ = bgr.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rgb = bgr[:, :, ::-1].reshape(height, 3 * width)
    rows[:, 0] = 2  # each row less the one above packs well
    rows[0, 1:] = rgb[0]
    rows[1:, 1:] = rgb[1:] - rgb[:-1]
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        out.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        out.write(chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b""))


def write_wav(path, samples, rate):
    """Writes int16 mono."""
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())


def alignment(words, seconds):
    """GRID's lines `start end word` with `sil` between, 25 000 ticks a second."""
    lines, last = [], 0
    for word, start, end in list(words) + [("", seconds, seconds)]:
        a, b = round(start * ALIGN_TICKS), round(end * ALIGN_TICKS)
        if a > last:
            lines.append(f"{last} {a} sil")
        if word:
            lines.append(f"{a} {b} {word}")
        last = b
    return "\n".join(lines) + "\n"


def encode(take, path):
    """Draws a take into an MP4 file. Returns (landmarks float32 [T 68 2], hash of the pictures)."""
    camera, landmarks, total = take.camera, [], hashlib.sha256()
    with tempfile.TemporaryDirectory() as scratch:
        sound = os.path.join(scratch, "sound.wav")
        write_wav(sound, take.samples, take.rate)
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt",
                   "bgr24", "-s", f"{camera.width}x{camera.height}", "-r", f"{take.fps:g}", "-i",
                   "-", "-i", sound, "-threads", "1", "-c:v", "libx264", "-preset", "fast",
                   "-crf", str(camera.crf), "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k",
                   "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
                   "-flags:a", "+bitexact", "-movflags", "+faststart", "-f", "mp4", path]
        try:
            with subprocess.Popen(command, stdin=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as coder:
                try:
                    for picture, points in draw(take):
                        total.update(picture.tobytes())
                        landmarks.append(points)
                        coder.stdin.write(picture.tobytes())
                    coder.stdin.close()
                except BrokenPipeError:
                    pass
                reason = coder.stderr.read().decode(errors="replace").strip()
        except FileNotFoundError:
            raise CorpusError("the program ffmpeg is not installed: make deps-synth") from None
    if coder.returncode:
        raise CorpusError(f"ffmpeg: {reason.splitlines()[-1] if reason else 'it failed'}")
    return np.array(landmarks, np.float32), total.hexdigest()


def facts(take, name, split, kind):
    """One line of a manifest."""
    def times(marks):
        return [[n, round(a, 4), round(b, 4)] for n, a, b in marks]

    return {"name": name, "text": take.text, "split": split, "sentences": kind,
            "condition": take.condition, "fps": take.fps, "frames": take.frames,
            "seconds": round(take.seconds, 4), "width": take.camera.width,
            "height": take.camera.height, "audio_offset": take.offset,
            "voice": take.voice, "speed": take.speed, "pitch": take.pitch,
            "words": times(take.words), "phonemes": times(take.phonemes),
            "camera": take.camera.facts(), "identity": take.identity}


# ---- A corpus -----------------------------------------------------------------------------------

def clip_name(options, index):
    return f"{options['split']}-{options['sentences']}-{options['seed']}-{index:05d}"


def make_clip(job):
    """Writes one clip unless it is there. job: (folder, options, index). Returns None or what
    went wrong."""
    folder, options, index = job
    name = clip_name(options, index)
    base = os.path.join(folder, name)
    if os.path.exists(base + ".json"):
        return None
    try:
        take = make_take(options["seed"], options["split"], index, options["sentences"],
                         options["width"], options["height"], options["condition"],
                         options["fps"], options["audio_offset"], options["identities"])
        landmarks, pixels = encode(take, base + ".mp4")
        np.save(base + ".npy", landmarks)
        line = facts(take, name, options["split"], options["sentences"])
        line["pixels_sha256"] = pixels
        for end, text in ((".txt", take.text + "\n"),
                          (".align", alignment(take.words, take.seconds)),
                          (".part", json.dumps(line, sort_keys=True) + "\n")):
            with open(base + end, "w", encoding="utf-8") as out:
                out.write(text)
        os.replace(base + ".part", base + ".json")  # last: the clip is whole
        return None
    except (CorpusError, speech.SpeechError, OSError) as error:
        return f"{name}: {error}"


def check_folder(folder, options):
    """Makes the folder, or sees that it was made with the same options."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "corpus.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            before = json.load(file)
        different = sorted(k for k in options if before.get(k) != options[k] and k != "clips")
        if different:
            raise CorpusError(f"{folder} holds a corpus with other {', '.join(different)}: "
                              "give a new folder")
    with open(path + ".part", "w", encoding="utf-8") as out:
        json.dump(options, out, indent=1, sort_keys=True)
        out.write("\n")
    os.replace(path + ".part", path)


def make_corpus(folder, options, jobs):
    check_folder(folder, options)
    todo = [(folder, options, i) for i in range(options["clips"])]
    done, failed = 0, []
    with multiprocessing.Pool(jobs) as pool:
        for problem in pool.imap_unordered(make_clip, todo):
            done += 1
            if problem:
                failed.append(problem)
            show(done, len(todo))
    if failed:
        raise CorpusError(f"{len(failed)} of {len(todo)} clips failed; the first: {failed[0]}")
    lines = []
    for index in range(options["clips"]):
        with open(os.path.join(folder, clip_name(options, index) + ".json"),
                  encoding="utf-8") as file:
            lines.append(file.read())
    with open(os.path.join(folder, "manifest.jsonl"), "w", encoding="utf-8") as out:
        out.writelines(lines)


def show(done, total):
    """A progress bar, where someone sees it."""
    if sys.stderr.isatty():
        full = 40 * done // total
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r[{'#' * full}{'.' * (40 - full)}] {done}/{total} clips{end}")
        sys.stderr.flush()


# ---- One sentence as pictures -------------------------------------------------------------------

def load_avatar(name):
    """The identity of a named character or of a JSON file."""
    path = name if name.endswith(".json") else os.path.join(AVATARS, name + ".json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["identity"]
    except (OSError, ValueError, KeyError):
        raise CorpusError(f"{name} is no character of assets/avatars and no such file") from None


def make_frames(folder, text, options, avatar):
    identity = load_avatar(avatar) if avatar else None
    take = Take(np.random.default_rng(options["seed"]), text.lower(), options["width"],
                options["height"], options["condition"], options["fps"],
                options["audio_offset"], identity=identity)
    os.makedirs(folder, exist_ok=True)
    for index, (picture, _) in enumerate(draw(take)):
        write_png(os.path.join(folder, f"{index:06d}.png"), picture)
    write_wav(os.path.join(folder, "sound.wav"), take.samples, take.rate)
    line = facts(take, "frames", None, None)
    with open(os.path.join(folder, "facts.json"), "w", encoding="utf-8") as out:
        out.write(json.dumps(line, sort_keys=True) + "\n")


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="corpus.py", description="Render talking faces with exact ground truth.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", metavar="DIR", help="write a corpus here, or finish the one there")
    where.add_argument("--frames", metavar="DIR", help="write the pictures of one sentence here")
    parser.add_argument("--clips", type=int, default=10, help="how many (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="0 or more (default 0)")
    parser.add_argument("--split", choices=sentences.SPLITS, default="train")
    parser.add_argument("--sentences", choices=sorted(sentences.GRAMMARS), default="grid")
    parser.add_argument("--identities", type=int, default=0, metavar="N",
                        help="different people; 0 (default): a new one for each clip")
    parser.add_argument("--condition", choices=sorted(CONDITIONS), default="clean")
    parser.add_argument("--size", default="grid", metavar="SIZE",
                        help=f"{', '.join(SIZES)} or WIDTHxHEIGHT (default grid: 360x288)")
    parser.add_argument("--fps", type=float, default=25.0, help="10 to 60 (default 25)")
    parser.add_argument("--audio-offset", type=float, default=0.0, metavar="S",
                        help="seconds that the sound is later than the lips (default 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--text", help="with --frames: what to say")
    parser.add_argument("--avatar", metavar="NAME", help="with --frames: who says it")
    args = parser.parse_args(argv)
    if args.clips < 1 or args.seed < 0 or args.jobs < 1 or args.identities < 0:
        parser.error("--clips and --jobs must be at least 1, --seed and --identities 0")
    if not 10 <= args.fps <= 60 or not abs(args.audio_offset) <= 2:
        parser.error("--fps must be from 10 to 60, --audio-offset from -2 to 2")
    if (args.frames is None) != (args.text is None):
        parser.error("--frames and --text go together")
    size = SIZES.get(args.size)
    if not size:
        parts = args.size.split("x")
        if len(parts) != 2 or not all(p.isdigit() and 96 <= int(p) <= 1920 and int(p) % 2 == 0
                                      for p in parts):
            parser.error("--size must be a name or two even numbers from 96 to 1920")
        size = int(parts[0]), int(parts[1])
    options = {"format": FORMAT, "clips": args.clips, "seed": args.seed, "split": args.split,
               "sentences": args.sentences, "identities": args.identities,
               "condition": args.condition, "width": size[0], "height": size[1],
               "fps": args.fps, "audio_offset": args.audio_offset}
    return args, options


def main(argv=None):
    args, options = parse(argv)
    try:
        if args.frames:
            make_frames(args.frames, args.text, options, args.avatar)
        else:
            make_corpus(args.out, options, args.jobs)
    except (CorpusError, speech.SpeechError, OSError) as error:
        print(f"corpus.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("corpus.py: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
