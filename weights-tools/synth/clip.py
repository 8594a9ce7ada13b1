"""One clip: what is said and who says it, as frames, sound and ground truth."""
import hashlib
import math

import cairo
import numpy as np

from synth import sentences, speech
from synth.camera import Camera
from synth.face import Face
from synth.identity import sample
from synth.motion import Motion
from synth.pen import Pose
from synth.visemes import JAW, SPREAD, mouth_track

LEAD = (0.20, 0.45)  # seconds of silence before and after
TAIL = (0.25, 0.50)
GRID_SECONDS = 3.0   # clips of GRID sentences are as long as GRID's


class Take:
    """Everything about one clip before it is drawn. text: lower case; fps: frames a second;
    offset: seconds that the sound is later than the lips."""

    def __init__(self, rng, text, width, height, condition="clean", fps=25.0, offset=0.0,
                 letters=False, identity=None, seconds=None):
        self.text, self.fps, self.condition, self.offset = text, fps, condition, offset
        self.identity = identity or sample(rng)
        self.voice = _voice(rng, self.identity)
        self.speed = int(rng.integers(speech.SPEEDS[0], speech.SPEEDS[1] + 1))
        self.pitch = int(rng.integers(speech.PITCHES[0], speech.PITCHES[1] + 1))
        said = speech.speak(text, self.voice, self.speed, self.pitch, letters=letters)
        lead, tail = float(rng.uniform(*LEAD)), float(rng.uniform(*TAIL))
        spoken = said.words[-1][2]
        length = lead + spoken + tail
        if seconds and length < seconds:
            lead += (seconds - length) * float(rng.uniform(0.35, 0.65))
            length = seconds
        lead = round(lead * said.rate) / said.rate
        self.frames = int(math.ceil(length * fps - 1e-9))
        self.seconds = self.frames / fps
        self.words = [(w, a + lead, b + lead) for w, a, b in said.words]
        self.phonemes = [(p, a + lead, b + lead) for p, a, b in said.phonemes]
        self.rate, self.samples = said.rate, self._sound(said, lead + offset)
        self.effort = float(rng.uniform(0.8, 1.15))
        self.lively = float(rng.uniform(0.85, 1.1))
        self.camera = Camera(rng, width, height, condition, self.seconds)
        self.motion = Motion(rng, self.seconds, self.camera.motion)

    def _sound(self, said, lead):
        """int16: silence and speech, as long as the pictures."""
        count = int(round(self.seconds * said.rate))
        out = np.zeros(count, np.int16)
        speech_samples = np.frombuffer(said.samples, "<i2")
        at = int(round(lead * said.rate))
        if at < 0:
            speech_samples, at = speech_samples[-at:], 0
        part = speech_samples[:max(0, count - at)]
        out[at:at + len(part)] = part
        return out

    def times(self):
        """Seconds of each frame, [T]."""
        return np.arange(self.frames) / self.fps

    def mouth(self):
        """The mouth of each frame, float64 [T 7]: visemes.PARAMETERS."""
        track = mouth_track(self.phonemes, self.seconds, self.times(), self.effort)
        track[:, SPREAD] *= self.lively
        return track


def draw(take):
    """Yields (picture uint8 [H W 3] BGR, landmarks float32 [68 2] in pixels) for each frame;
    landmarks are NaN where the face is out of the picture."""
    camera, motion = take.camera, take.motion
    face, mouths = Face(take.identity), take.mouth()
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, camera.width, camera.height)
    context = cairo.Context(surface)
    for index, t in enumerate(take.times()):
        context.set_source_surface(camera.background)
        context.paint()
        if camera.hidden(t):
            landmarks = np.full((68, 2), np.nan)
        else:
            yaw, pitch, roll = motion.angles(t, float(mouths[index][JAW]))
            dx, dy = motion.shift(t)
            pose = Pose(camera.x + dx * camera.scale, camera.y + dy * camera.scale, camera.scale,
                        yaw, pitch, roll)
            landmarks = face.draw(context, pose, mouths[index].tolist(), motion.lids(t),
                                  motion.gaze(t), camera.light, motion.brows(t))
        yield camera.expose(surface, index), landmarks.astype(np.float32)


def make_take(seed, split, index, kind, width, height, condition="clean", fps=25.0, offset=0.0,
              identities=0):
    """Take number `index` of a corpus. Identities of `train` and `test` come from different
    random streams. identities: how many different people there are, 0 for one a clip."""
    stream = (seed, sentences.SPLITS.index(split))
    rng = np.random.default_rng(stream + (0, index))
    person = np.random.default_rng(stream + (1, index % identities if identities else index))
    text = sentences.draw(_grammar(kind), split, rng)
    return Take(rng, text, width, height, condition, fps, offset, letters=kind in ("grid", "codes"),
                identity=sample(person), seconds=GRID_SECONDS if kind == "grid" else None)


_grammars = {}


def _grammar(kind):
    if kind not in _grammars:
        _grammars[kind] = sentences.load(kind)
    return _grammars[kind]


def _voice(rng, identity):
    high = identity["soft"] > 0.5
    accent = str(rng.choice(speech.ACCENTS))
    return f"{accent}+{rng.choice(speech.HIGH_SPEAKERS if high else speech.LOW_SPEAKERS)}"


def digest(pictures):
    """SHA-256 of all pictures of a clip, in hexadecimal."""
    total = hashlib.sha256()
    for picture in pictures:
        total.update(picture.tobytes())
    return total.hexdigest()
