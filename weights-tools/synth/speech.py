"""Text to speech with the times of words and phonemes, through espeak-ng.

The program espeak-ng tells phonemes but not when they sound, so its library is asked, by its event
interface (speak_lib.h). Sound depends on what the library said before; every text is therefore
spoken by a new process (this file run as a program), and the same text, voice, speed and pitch give
the same samples.
"""
import ctypes
import json
import re
import struct
import subprocess
import sys

LIBRARIES = ("libespeak-ng.so.1", "libespeak-ng.so", "libespeak-ng.dylib")

# Accents and speakers of espeak-ng that sound like people.
ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
LOW_SPEAKERS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7")
HIGH_SPEAKERS = ("f1", "f2", "f3", "f4", "f5")
SPEEDS = (100, 180)  # words a minute
PITCHES = (25, 75)   # espeak-ng's scale of 0 to 99

# espeak-ng joins some pairs ("in the") into one word; the second is then given as phonemes.
WEAK = {"the": "D@", "a": "@", "an": "@n", "of": "@v", "to": "t@", "at": "@t", "for": "f@",
        "was": "w@z", "be": "bi", "been": "bIn", "are": "@", "is": "Iz", "in": "In", "it": "It",
        "have": "h@v", "has": "h@z", "had": "h@d", "not": "n0t", "you": "ju:", "all": "O:l",
        "that": "Dat", "this": "DIs", "as": "@z", "do": "du:", "on": "0n", "me": "mi:"}
LETTER_A = "eI"  # alone it would be read as the article


class SpeechError(Exception):
    """espeak-ng is missing or did not say what was asked for."""


class Speech:
    """What was said. samples: bytes, 16-bit mono; rate: Hz; phonemes and words: lists of
    (name, start, end) in seconds, without overlap, phonemes without pauses; word_phonemes: for
    each word the range of its phonemes."""

    def __init__(self, samples, rate, phonemes, words, word_phonemes):
        self.samples, self.rate = samples, rate
        self.phonemes, self.words, self.word_phonemes = phonemes, words, word_phonemes

    @property
    def seconds(self):
        return len(self.samples) / 2 / self.rate


def speak(text, voice="en", speed=160, pitch=50, pitch_range=50, letters=False):
    """Says `text`: words of a to z and ' between spaces. letters: single letters are names, also
    "a". Raises SpeechError."""
    words = text.lower().split()
    if not words or not all(re.fullmatch(r"[a-z']+", w) for w in words):
        raise SpeechError(f"not words of letters: {text!r}")
    spoken = [f"[[{LETTER_A}]]" if letters and w == "a" else w for w in words]
    for _ in range(len(words) + 1):
        samples, rate, events = _say(" ".join(spoken), voice, speed, pitch, pitch_range)
        missing = _missing_word(spoken, events)
        if missing is None:
            return _speech(words, samples, rate, events)
        if spoken[missing].startswith("["):
            break
        sounds = WEAK.get(words[missing]) or "".join(pronounce(words[missing], voice))
        spoken[missing] = f"[[{sounds}]]"
    raise SpeechError(f"espeak-ng gives no time for word {missing + 1} of {text!r}")


_pronounced = {}


def pronounce(word, voice="en"):
    """The phonemes of one word said alone, a list of espeak-ng's mnemonics."""
    key = word, voice
    if key not in _pronounced:
        _, _, events = _say(word, voice, 160, 50, 50)
        _pronounced[key] = [n for kind, _, _, n in events if kind == PHONEME and _sounds(n)]
    return _pronounced[key]


def _sounds(name):
    return bool(name) and not name.startswith("_")


def _missing_word(spoken, events):
    """The first word of the text that no event starts, or None. The position of phonemes in
    brackets may be a few letters late."""
    positions = [position for kind, _, position, _ in events if kind == WORD]
    at = 1
    for i, word in enumerate(spoken):
        if not any(at <= p < at + len(word) for p in positions):
            return i
        at += len(word) + 1
    return None


def _speech(words, samples, rate, events):
    phonemes, first = [], []
    seconds = len(samples) / 2 / rate
    marks = [(sample / rate, name) for kind, sample, _, name in events if kind == PHONEME]
    marks.append((seconds, "_"))
    k = 0
    for kind, _, _, _ in events:
        if kind == WORD:
            first.append(len(phonemes))
        elif kind == PHONEME:
            (start, name), (end, _) = marks[k], marks[k + 1]
            k += 1
            if _sounds(name) and end > start:
                phonemes.append((name, start, end))
    ranges = list(zip(first, first[1:] + [len(phonemes)]))
    if len(ranges) != len(words) or any(a >= b for a, b in ranges):
        raise SpeechError(f"espeak-ng leaves out a word of {' '.join(words)!r}")
    timed = [(w, phonemes[a][1], phonemes[b - 1][2]) for w, (a, b) in zip(words, ranges)]
    return Speech(samples, rate, phonemes, timed, ranges)


def _say(text, voice, speed, pitch, pitch_range):
    """(samples, rate, [(kind, sample, position, name)]) from a new process."""
    request = json.dumps([text, voice, speed, pitch, pitch_range]).encode()
    done = subprocess.run([sys.executable, "-S", "-E", __file__], input=request,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise SpeechError(reason[-1] if reason else "espeak-ng ended without a reason")
    size = struct.unpack("<I", done.stdout[:4])[0]
    rate, events = json.loads(done.stdout[4:4 + size])
    return done.stdout[4 + size:], rate, [tuple(e) for e in events]


# ---- The process that speaks --------------------------------------------------------------------

WORD, PHONEME = 1, 7                      # espeak_EVENT_TYPE
SYNCHRONOUS, PHONEME_EVENTS = 2, 1        # espeak_Initialize
RATE, PITCH, RANGE = 1, 3, 4              # espeak_PARAMETER
CHARACTERS, UTF8, PHONEMES = 1, 1, 0x100  # espeak_Synth


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
                ("text_position", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
                ("user_data", ctypes.c_void_p), ("id", _Id)]


def _load():
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    sys.exit("libespeak-ng is not installed: make deps-synth")


def _speak_here():
    text, voice, speed, pitch, pitch_range = json.load(sys.stdin)
    library, samples, events = _load(), [], []
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS)
    if rate <= 0:
        sys.exit("espeak-ng does not start: are its data installed?")

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                      ctypes.POINTER(_Event))
    def take(wave, count, event):
        if wave and count > 0:
            samples.append(ctypes.string_at(wave, 2 * count))
        i = 0
        while event[i].type:
            e = event[i]
            name = e.id.string.decode() if e.type == PHONEME else ""
            events.append((e.type, e.sample, e.text_position, name))
            i += 1
        return 0

    library.espeak_SetSynthCallback(take)
    if library.espeak_SetVoiceByName(voice.encode()):
        sys.exit(f"espeak-ng has no voice {voice!r}")
    for parameter, value in ((RATE, speed), (PITCH, pitch), (RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    encoded = text.encode()
    if library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, CHARACTERS, 0,
                            UTF8 | PHONEMES, None, None):
        sys.exit("espeak-ng refuses to speak")
    head = json.dumps([rate, events]).encode()
    sys.stdout.buffer.write(struct.pack("<I", len(head)) + head + b"".join(samples))


if __name__ == "__main__":
    _speak_here()
