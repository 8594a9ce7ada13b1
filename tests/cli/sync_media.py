"""What the tests of lip sync share: a clip whose face lights up while there is sound, and networks
made by hand that see the light and hear the sound, so that offsets are known without training."""
import json
import os
import subprocess

import numpy as np

import pictures

SECONDS = 6.0
RATE = 16000
LIGHT = 50.0  # grey levels between dark and bright


def bursts(seed=3, seconds=SECONDS):
    """[(start, end)] in seconds: sound, with pauses between."""
    rng = np.random.default_rng(seed)
    times, at = [], 0.1
    while at < seconds - 0.5:
        length = rng.uniform(0.12, 0.4)
        times.append((at, at + length))
        at += length + rng.uniform(0.12, 0.4)
    return times


def sound(times, seed=4, seconds=SECONDS):
    """float32 [seconds * RATE]: noise, loud in the bursts."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    on = sum(((t >= a) & (t < b)).astype(float) for a, b in times)
    return (rng.standard_normal(len(t)) * (0.001 + 0.15 * on)).astype(np.float32)


def lights(times, fps, seconds=SECONDS):
    """How much of each frame's time has sound, [frames]."""
    count = int(seconds * fps)
    edges = np.arange(count + 1) / fps
    share = np.zeros(count)
    for a, b in times:
        share += np.clip(np.minimum(edges[1:], b) - np.maximum(edges[:-1], a), 0, None) * fps
    return share


def frames(times, fps, face=None, seconds=SECONDS):
    """uint8 [frames H W 3]."""
    face = (pictures.face() if face is None else face).astype(np.float32)
    return np.stack([np.clip(face + LIGHT * (x - 0.5), 0, 255).astype(np.uint8)
                     for x in lights(times, fps, seconds)])


def write_clip(path, video, samples, fps="25", shift_ms=0, longer=1.0):
    """Encodes frames and sound by what the container is used for. shift_ms: > 0 makes the sound
    that much earlier. longer: of the sound, then, in its times."""
    delay = (f"adelay={-shift_ms}:all=1" if shift_ms < 0 else
             f"atrim=start={shift_ms / 1000},asetpts=PTS-STARTPTS")
    if longer != 1:
        delay += f",aresample=48000,asetrate={round(48000 / longer)},aresample={RATE}"
    codecs = (["-c:v", "mpeg2video", "-q:v", "3", "-c:a", "mp2", "-ar", "44100"]
              if str(path).endswith(".mpg") else
              ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-c:a", "aac"])
    raw = str(path) + ".f32"
    samples.tofile(raw)
    height, width = video.shape[1:3]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
                    f"{width}x{height}", "-r", fps, "-i", "-", "-f", "f32le", "-ar", str(RATE),
                    "-ac", "1", "-i", raw, "-af", delay, "-pix_fmt", "yuv420p", *codecs,
                    str(path)], input=video.tobytes(), check=True)
    os.remove(raw)
    return str(path)


# ---- Networks made by hand -----------------------------------------------------------------------

TAPS = {  # name: (shape, whether all taps count, or the middle one only)
    "netcnnlip.0": ((1, 3, 5, 7, 7), True), "netcnnlip.4": ((1, 1, 1, 5, 5), False),
    "netcnnlip.8": ((1, 1, 1, 3, 3), False), "netcnnlip.11": ((1, 1, 1, 3, 3), False),
    "netcnnlip.14": ((1, 1, 1, 3, 3), False), "netcnnlip.18": ((1, 1, 1, 2, 2), True),
    "netcnnaud.0": ((1, 1, 3, 3), False), "netcnnaud.4": ((1, 1, 3, 3), False),
    "netcnnaud.8": ((1, 1, 3, 3), False), "netcnnaud.11": ((1, 1, 3, 3), False),
    "netcnnaud.14": ((1, 1, 3, 3), False), "netcnnaud.18": ((1, 1, 18, 4), True),
    "netfcaud.0": ((1, 1), True), "netfclip.0": ((1, 1), True)}
LIFT = 10.0  # keeps sound features, whose mean is 0, above the ReLU


def by_hand(path, grey):
    """A "synce2e" whose streams pass mean brightness and mean loudness on as embeddings
    [x - usual, 1]. grey: the usual brightness."""
    config = {"frame_size": 112, "lip_widths": [1] * 6, "aud_widths": [1] * 6,
              "head_widths": [1, 2], "audio_trunk": "s"}
    tensors = {}
    for name, (shape, spread) in TAPS.items():
        weight = np.full(shape, 1 / np.prod(shape[1:])) if spread else np.zeros(shape)
        if not spread:
            weight[tuple(n // 2 for n in shape)] = 1
        tensors[name + ".weight"] = weight
        tensors[name + ".bias"] = np.array([LIFT if name == "netcnnaud.0" else 0.0])
        stem, number = name.split(".")
        norm = f"{stem}.{int(number) + 1}"
        tensors.update({norm + ".weight": np.ones(1), norm + ".bias": np.zeros(1),
                        norm + ".running_mean": np.zeros(1), norm + ".running_var": np.ones(1)})
    for head, scale, usual in (("netfclip", 2 / LIGHT, grey), ("netfcaud", 1.0, LIFT + 0.3)):
        tensors[head + ".3.weight"] = np.array([[scale], [0.0]])
        tensors[head + ".3.bias"] = np.array([-scale * usual, 0.3])
    return write_weights(path, "synce2e", config, tensors)


def write_weights(path, arch, config, tensors):
    header, body = {"__metadata__": {"viseme.format": "1", "viseme.arch": arch,
                                     "viseme.config": json.dumps(config)}}, b""
    for name in sorted(tensors):
        data = np.ascontiguousarray(tensors[name], np.float32)
        header[name] = {"dtype": "F32", "shape": list(data.shape),
                        "data_offsets": [len(body), len(body) + data.nbytes]}
        body += data.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    with open(path, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text + body)
    return str(path)
