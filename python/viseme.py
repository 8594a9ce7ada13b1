"""viseme from Python: networks that read lips, on a plain CPU. NumPy arrays in and out.

    import viseme

    with viseme.Model("lipnet.safetensors") as model:
        outputs = model.session().run(x=array)               # {"logits": array}
        reader = model.reader(cascade="haarcascade_frontalface_alt2.xml", beam=20, nbest=3)
        for seconds, frame in frames:                        # frame [H W 3] uint8, B G R
            reader.push(frame, seconds)
        print(reader.finish().text)

A thin layer over libviseme.so by ctypes; what a call does is written in viseme.h. The library is
$VISEME_LIBRARY, or beside this file (the installed and the source tree count), or the system's.
Whatever fails raises viseme.Error, whose text is the library's sentence and whose `status` tells
what kind of failure it is. Arrays that are returned are copies and stay valid. A model may be
shared by threads; a session or a reader is for one thread at a time. Calls release the GIL.
"""
import collections
import ctypes
import ctypes.util
import enum
import os
import weakref

import numpy as np

__all__ = ["Error", "Model", "Reading", "Status", "Word", "cpu_best", "version"]
__version__ = "0.1.0"


class Status(enum.IntEnum):
    """enum viseme_status."""
    OK = 0
    ARGUMENT = 1
    INPUT = 2
    NO_FACE = 3
    MODEL = 4
    LIMIT = 5
    NOMEM = 6
    OUTPUT = 7
    INTERNAL = 8
    NO_AUDIO = 9


class Error(Exception):
    """One sentence about a failure; `status` is a Status."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = Status(status)


# ---- the structs of viseme.h, field by field

def _struct(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields)})


_c = ctypes
_error = _struct("viseme_error", ("status", _c.c_int), ("message", _c.c_char * 512))
_model_options = _struct("viseme_model_options", ("cpu", _c.c_int), ("gemm", _c.c_int),
                         ("threads", _c.c_int))
_session_options = _struct("viseme_session_options", ("threads", _c.c_int))
_tensor = _struct("viseme_tensor", ("name", _c.c_char_p), ("rank", _c.c_int),
                  ("shape", _c.c_int64 * 8), ("data", _c.POINTER(_c.c_float)))
_image = _struct("viseme_image", ("data", _c.c_void_p), ("width", _c.c_int), ("height", _c.c_int),
                 ("stride", _c.c_ssize_t), ("format", _c.c_int))
_crop_options = _struct("viseme_crop_options", ("cascade_xml", _c.c_char_p),
                        ("cascade_bytes", _c.c_size_t), ("face_detector", _c.c_void_p),
                        ("face_landmarks", _c.c_void_p), ("landmarks_every", _c.c_int),
                        ("kind", _c.c_int), ("rate", _c.c_double), ("face", _c.c_int),
                        ("face_number", _c.c_int),
                        ("face_x", _c.c_double), ("face_y", _c.c_double), ("all_faces", _c.c_int),
                        ("on_no_face", _c.c_int))
_gap = _struct("viseme_gap", ("start_s", _c.c_double), ("end_s", _c.c_double))
_span = _struct("viseme_span", ("start_s", _c.c_double), ("end_s", _c.c_double))
_reader_options = _struct(
    "viseme_reader_options", ("crop", _crop_options), ("threads", _c.c_int), ("beam", _c.c_int),
    ("nbest", _c.c_int), ("lm_arpa", _c.c_char_p), ("lm_bytes", _c.c_size_t),
    ("lm_weight", _c.c_double), ("token_lm", _c.c_void_p), ("ctc_weight", _c.c_double),
    ("length_bonus", _c.c_double), ("grammar", _c.c_char_p), ("grammar_bytes", _c.c_size_t),
    ("min_confidence", _c.c_double), ("spans", _c.POINTER(_span)), ("span_count", _c.c_size_t),
    ("word_seconds", _c.c_double), ("keep_emissions", _c.c_int), ("on_crop", _c.c_void_p),
    ("user", _c.c_void_p))
_hypothesis = _struct("viseme_hypothesis", ("text", _c.c_char_p), ("log_probability", _c.c_double),
                      ("score", _c.c_double), ("confidence", _c.c_double))
_word = _struct("viseme_word", ("text", _c.c_char_p), ("start_s", _c.c_double),
                ("end_s", _c.c_double), ("confidence", _c.c_double))
_reader_stats = _struct(
    "viseme_reader_stats", ("frames", _c.c_int64), ("crops", _c.c_int64),
    ("crops_held", _c.c_int64), ("start_s", _c.c_double), ("duration_s", _c.c_double),
    ("face_seconds", _c.c_double), ("net_seconds", _c.c_double), ("decode_seconds", _c.c_double),
    ("min_confidence", _c.c_double), ("out_of_domain", _c.c_int))

# Every function that is used: result and arguments. A status is checked by _call().
_object, _text, _size = _c.c_void_p, _c.c_char_p, _c.c_size_t
_failure, _p = _c.POINTER(_error), _c.POINTER
_FUNCTIONS = {
    "viseme_version": (_text,),
    "viseme_cpu_name": (_text, _c.c_int),
    "viseme_cpu_best": (_c.c_int,),
    "viseme_model_open": (_c.c_int, _p(_object), _text, _p(_model_options), _failure),
    "viseme_model_close": (None, _object),
    "viseme_model_cpu": (_c.c_int, _object),
    "viseme_model_metadata": (_text, _object, _text),
    "viseme_session_open": (_c.c_int, _p(_object), _object, _p(_session_options), _failure),
    "viseme_session_close": (None, _object),
    "viseme_session_input_count": (_size, _object),
    "viseme_session_input_name": (_text, _object, _size),
    "viseme_session_output_count": (_size, _object),
    "viseme_session_output_name": (_text, _object, _size),
    "viseme_session_run": (_c.c_int, _object, _p(_tensor), _size, _failure),
    "viseme_session_output": (_c.c_int, _object, _text, _p(_tensor), _failure),
    "viseme_reader_open": (_c.c_int, _p(_object), _object, _p(_reader_options), _failure),
    "viseme_reader_close": (None, _object),
    "viseme_reader_push": (_c.c_int, _object, _p(_image), _c.c_double, _failure),
    "viseme_reader_push_crop": (_c.c_int, _object, _p(_image), _failure),
    "viseme_reader_finish": (_c.c_int, _object, _failure),
    "viseme_reader_hypothesis": (_p(_hypothesis), _object, _size),
    "viseme_reader_words": (_p(_word), _object, _size, _p(_size)),
    "viseme_reader_logits": (_p(_c.c_float), _object, _p(_c.c_int64), _p(_c.c_int)),
    "viseme_reader_get_stats": (None, _object, _p(_reader_stats)),
    "viseme_reader_gap": (_c.c_int, _object, _size, _p(_gap)),
}


# ---- the library

def _places():
    """Where the library may be, in order."""
    here = os.path.dirname(os.path.abspath(__file__))
    # beside this file; PREFIX/share/viseme/python and PREFIX/lib; the source tree
    for folder in (here, os.path.join(here, "..", "..", "..", "lib"),
                   os.path.join(here, "..", "build")):
        for name in ("libviseme.so.0", "libviseme.so"):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                yield path
    yield ctypes.util.find_library("viseme") or "libviseme.so.0"


def _load():
    stated = os.environ.get("VISEME_LIBRARY")
    path = stated or next(_places())
    try:
        library = ctypes.CDLL(path)
    except OSError as e:
        raise ImportError(f"libviseme.so cannot be loaded ({e}); set VISEME_LIBRARY to its place"
                          ) from None
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(f"{path} has no {name}: it is another version of viseme") from None
        function.restype, function.argtypes = result, arguments
    found = library.viseme_version().decode()
    if found.split(".")[:2] != __version__.split(".")[:2]:  # structs may differ
        raise ImportError(f"{path} is viseme {found}, this module is for {__version__}")
    return library


_library = _load()


def _call(name, *arguments):
    """Calls a function that returns a status; raises Error unless it is OK."""
    failure = _error()
    status = getattr(_library, name)(*arguments, ctypes.byref(failure))
    if status != Status.OK:
        raise Error(status, failure.message.decode("utf-8", "replace"))


def version():
    """The library's version."""
    return _library.viseme_version().decode()


def cpu_best():
    """The best CPU level of this machine and this library: "c", "avx2" or "avx512"."""
    return _library.viseme_cpu_name(_library.viseme_cpu_best()).decode()


class _Object:
    """Something that the library opened; closed by close(), a with block, or when forgotten."""

    _handle = None

    def _open(self, kind, *arguments):
        handle = ctypes.c_void_p()
        _call(f"viseme_{kind}_open", ctypes.byref(handle), *arguments)
        self._handle, self._close = handle, getattr(_library, f"viseme_{kind}_close")

    def _get(self):
        if self._handle is None:
            raise Error(Status.ARGUMENT, f"this {type(self).__name__} has been closed")
        return self._handle

    def close(self):
        """Frees it. Further calls raise Error."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._close(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()


# ---- models and sessions

class Model(_Object):
    """A weights file made ready for this CPU.

    path     the file
    cpu      "c", "avx2" or "avx512"; None: $VISEME_CPU, or the best there is
    gemm     who multiplies matrices: "native" or "blas"
    threads  that large weights are made ready with; 0: one per CPU
    """

    _CPUS, _GEMMS = (None, "c", "avx2", "avx512"), ("native", "blas")

    def __init__(self, path, cpu=None, gemm="native", threads=0):
        if cpu not in self._CPUS or gemm not in self._GEMMS:
            raise Error(Status.ARGUMENT, f"cpu is one of {self._CPUS}, gemm one of {self._GEMMS}")
        options = _model_options(self._CPUS.index(cpu), self._GEMMS.index(gemm), threads)
        self._users = weakref.WeakSet()
        self._open("model", os.fsencode(path), ctypes.byref(options))

    def close(self):
        """Frees it, and every session and reader of it before."""
        for user in list(getattr(self, "_users", ())):
            user.close()
        super().close()

    @property
    def cpu(self):
        """The CPU level it runs at."""
        return _library.viseme_cpu_name(_library.viseme_model_cpu(self._get())).decode()

    def metadata(self, key):
        """A text of the file's metadata, such as "viseme.license"; None when it has none."""
        value = _library.viseme_model_metadata(self._get(), key.encode())
        return None if value is None else value.decode("utf-8", "replace")

    @property
    def arch(self):
        """The network, such as "lipnet"."""
        return self.metadata("viseme.arch")

    def session(self, threads=0):
        """A Session; threads 0: one per CPU. Their number never changes a result."""
        return Session(self, threads)

    def reader(self, **options):
        """A Reader; see there for the options."""
        return Reader(self, **options)

    def read_crops(self, crops, pixels="bgr", **options):
        """The Reading of mouth crops [T H W 3] uint8, cut to the network's geometry."""
        with self.reader(**options) as reader:
            for crop in crops:
                reader.push_crop(crop, pixels)
            return reader.finish()


class Session(_Object):
    """Runs the network: named arrays in, named arrays out."""

    def __init__(self, model, threads=0):
        self._model = model  # must outlive us
        self._open("session", model._get(), ctypes.byref(_session_options(threads)))
        model._users.add(self)
        self.inputs = self._names("input")
        self.outputs = self._names("output")

    def _names(self, kind):
        count = getattr(_library, f"viseme_session_{kind}_count")(self._handle)
        name = getattr(_library, f"viseme_session_{kind}_name")
        return [name(self._handle, i).decode() for i in range(count)]

    def run(self, inputs=None, **more):
        """inputs: {name: array}, or arrays by keyword, in the axis order of the original network;
        converted to float32. Returns {name: float32 array} of every output."""
        arrays = {name: np.ascontiguousarray(value, np.float32)
                  for name, value in {**(inputs or {}), **more}.items()}
        tensors = (_tensor * max(len(arrays), 1))()
        for tensor, (name, array) in zip(tensors, arrays.items()):
            if not 1 <= array.ndim <= 8:
                raise Error(Status.ARGUMENT, f'input "{name}" has {array.ndim} axes; 1 to 8 are '
                            "possible")
            tensor.name, tensor.rank = name.encode(), array.ndim
            tensor.shape[:array.ndim] = array.shape
            tensor.data = array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        _call("viseme_session_run", self._get(), tensors, len(arrays))
        return {name: self._output(name) for name in self.outputs}

    def _output(self, name):
        out = _tensor()
        _call("viseme_session_output", self._get(), name.encode(), ctypes.byref(out))
        return np.ctypeslib.as_array(out.data, tuple(out.shape[:out.rank])).copy()


# ---- reading lips

Word = collections.namedtuple("Word", "text start_s end_s confidence")
Word.__doc__ = "One word of a reading, with its times in seconds."

Hypothesis = collections.namedtuple("Hypothesis", "text log_probability score confidence words")
Hypothesis.__doc__ = "One reading of the clip; `words` is a list of Word."

Reading = collections.namedtuple("Reading", "hypotheses logits stats gaps")
Reading.__doc__ = """What finish() returns: `hypotheses`, best first; `logits`, float32 [T C] in the
order of the file's vocabulary, of a word reader a row for each word; `stats`, a dict of
viseme_reader_stats; `gaps`, the (start, end) in seconds of each stretch without a face. `text`,
`confidence` and `words` are those of the best hypothesis."""
Reading.text = property(lambda self: self.hypotheses[0].text if self.hypotheses else "")
Reading.confidence = property(lambda self: self.hypotheses[0].confidence if self.hypotheses
                              else 0.0)
Reading.words = property(lambda self: self.hypotheses[0].words if self.hypotheses else [])


def _contents(value):
    """The bytes of an option that is a path or bytes, for a (pointer, size) pair of fields."""
    if value is None or isinstance(value, bytes):
        return value
    try:
        with open(value, "rb") as file:
            return file.read()
    except OSError as e:
        raise Error(Status.INPUT, f"{os.fspath(value)} cannot be read: {e.strerror}") from None


def _picture(array, pixels):
    """(viseme_image, the array that holds its bytes) of an array [H W 3] uint8."""
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise Error(Status.ARGUMENT, "a picture is an array [H W 3] of uint8, not "
                    f"{list(array.shape)} of {array.dtype}")
    if pixels not in ("bgr", "rgb"):
        raise Error(Status.ARGUMENT, 'pixels is "bgr" or "rgb"')
    if array.strides[1:] != (3, 1):
        array = np.ascontiguousarray(array)
    height, width = array.shape[:2]
    return _image(array.ctypes.data, width, height, array.strides[0], pixels == "rgb"), array


_ON_NO_FACE = ["hold", "fail"]


def _face_choice(face):
    """face, face_number, face_x and face_y of viseme_crop_options."""
    if face == "largest":
        return 0, 0, 0, 0
    if isinstance(face, int):
        return 2, face, 0, 0
    x, y = face
    return 1, 0, x, y


class Reader(_Object):
    """Frames or crops in, words out.

    cascade         path or bytes of an OpenCV face cascade; without one only crops are taken
    face_models     instead of a cascade: (BlazeFace, FaceMesh), two Models
    rate            crops a second; 0: the model's
    face            which face: "largest", the number of one from left to right, or a point (x, y)
    on_no_face      where it is not there: "hold" the nearest crop, or "fail"
    threads         0: one per CPU
    beam, nbest     width of the beam search (0: greedy), and how many readings to keep
    lm, lm_weight   path or bytes of an ARPA language model, and its weight
    grammar         path or bytes of a grammar
    min_confidence  below it a clip counts as out of domain; 0: the model's
    spans           for a word reader: (start, end) in seconds of each word; None: one word in the
                    middle of the clip
    word_seconds    for a word reader without spans: how long that word lasts; 0: 0.52
    """

    def __init__(self, model, cascade=None, rate=0, threads=0, beam=0, nbest=0, lm=None,
                 lm_weight=0, grammar=None, min_confidence=0, face="largest", on_no_face="hold",
                 face_models=(None, None), spans=None, word_seconds=0):
        cascade, lm, grammar = _contents(cascade), _contents(lm), _contents(grammar)
        crop = _crop_options(cascade, len(cascade or b""), *(m and m._get() for m in face_models),
                             0, 0, rate, *_face_choice(face), 0, _ON_NO_FACE.index(on_no_face))
        times = None if spans is None else (_span * len(spans))(*spans)
        options = _reader_options(
            crop, threads, beam, nbest, lm, len(lm or b""), lm_weight, None, 0, 0, grammar,
            len(grammar or b""), min_confidence, times, len(times or ()), word_seconds, 1)
        self._models = [model, *filter(None, face_models)]  # must outlive us
        self._open("reader", model._get(), ctypes.byref(options))
        for user in self._models:
            user._users.add(self)

    def push(self, frame, seconds, pixels="bgr"):
        """The next frame [H W 3] uint8 and its time; pixels: "bgr" or "rgb"."""
        image, _keep = _picture(frame, pixels)
        _call("viseme_reader_push", self._get(), ctypes.byref(image), seconds)

    def push_crop(self, crop, pixels="bgr"):
        """The next mouth crop, cut to the network's geometry, instead of a frame."""
        image, _keep = _picture(crop, pixels)
        _call("viseme_reader_push_crop", self._get(), ctypes.byref(image))

    def finish(self):
        """Reads what was pushed; returns a Reading."""
        _call("viseme_reader_finish", self._get())
        found = []
        while True:
            best = _library.viseme_reader_hypothesis(self._handle, len(found))
            if not best:
                break
            h = best.contents
            found.append(Hypothesis(h.text.decode(), h.log_probability, h.score, h.confidence,
                                    self._words(len(found))))
        frames, classes, stats = ctypes.c_int64(), ctypes.c_int(), _reader_stats()
        logits = _library.viseme_reader_logits(self._handle, ctypes.byref(frames),
                                               ctypes.byref(classes))
        _library.viseme_reader_get_stats(self._handle, ctypes.byref(stats))
        return Reading(found, np.ctypeslib.as_array(logits, (frames.value, classes.value)).copy(),
                       {name: getattr(stats, name) for name, _ in stats._fields_}, self._gaps())

    def _gaps(self):
        gap, found = _gap(), []
        while _library.viseme_reader_gap(self._handle, len(found), ctypes.byref(gap)):
            found.append((gap.start_s, gap.end_s))
        return found

    def _words(self, i):
        count = ctypes.c_size_t()
        words = _library.viseme_reader_words(self._handle, i, ctypes.byref(count))
        return [Word(words[k].text.decode(), words[k].start_s, words[k].end_s,
                     words[k].confidence) for k in range(count.value)]
