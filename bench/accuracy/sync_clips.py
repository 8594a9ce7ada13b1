"""The clips that lip sync is measured on, behind each other and with other sound."""
import os
import subprocess

import grid
import testset

NOISE = "anoisesrc=color=pink:amplitude=0.1:sample_rate=44100"
PCM = ["-c:a", "pcm_s16le"]


def data_sets(quick=False, jobs=1):
    """[(name, paths)] of clips that no training has seen; those that are there."""
    known, others = grid.clips()
    few = testset.QUICK if quick else None
    drawn = [c["path"] for kind in testset.SENTENCES
             for c in testset.clips(kind, "clean", few, jobs)]
    sets = [("speaker 1 of GRID", known[:few]), ("other speakers of GRID", others[:few]),
            ("rendered faces", drawn[:few])]
    return [(name, paths) for name, paths in sets if paths]


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


def joined(paths, count, folder):
    """Files of `count` clips each, behind each other; what is left over is left out."""
    made = []
    for at in range(0, len(paths) - count + 1, count):
        part, out = paths[at:at + count], os.path.join(folder, f"joined-{at}.mkv")
        inputs = [x for path in part for x in ("-i", path)]
        streams = "".join(f"[{i}:v][{i}:a]" for i in range(count))
        if count == 1:
            made += part
            continue
        ffmpeg(*inputs, "-filter_complex", f"{streams}concat=n={count}:v=1:a=1[v][a]", "-map",
               "[v]", "-map", "[a]", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", *PCM,
               out)
        made.append(out)
    return made


def with_sound(path, sound, folder):
    """The pictures of a file with the sound of another one (None: noise), as long as both are."""
    out = os.path.join(folder, "with-sound.mkv")
    other = ["-i", sound] if sound else ["-f", "lavfi", "-i", NOISE]
    ffmpeg("-i", path, *other, "-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", *PCM, "-shortest",
           out)
    return out
