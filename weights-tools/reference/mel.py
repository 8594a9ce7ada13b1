"""The mel spectrogram that Wav2Lip listens to, in NumPy: what its audio.py makes with librosa 0.7.0
and the constants of its hparams.py."""
import numpy as np

RATE, FFT, HOP, BANDS = 16000, 800, 200, 80
PER_SECOND, CHUNK = RATE // HOP, 16   # columns
LOW, HIGH = 55.0, 7600.0              # Hz
PREEMPHASIS = 0.97
SILENCE = -4.0


def slaney(hertz):
    """Hz -> Slaney's mel: 200 / 3 Hz each up to 1 kHz, then 27 to a factor of 6.4."""
    return np.where(hertz < 1000, hertz * 3 / 200,
                    15 + np.log(np.maximum(hertz, 1) / 1000) * 27 / np.log(6.4))


def slaney_hertz(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def filter_bank():
    """Triangles of equal area: [FFT / 2 + 1, BANDS]."""
    edges = slaney_hertz(np.linspace(slaney(LOW), slaney(HIGH), BANDS + 2))
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    up = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])


def spectrogram(samples):
    """samples [S], 16 kHz, -1 to 1, S > FFT / 2 -> float32 [BANDS, 1 + S // HOP] from -4 to 4;
    column k is centred on sample HOP * k, the ends are mirrored."""
    x = np.asarray(samples, np.float64)
    x = np.concatenate([x[:1], x[1:] - PREEMPHASIS * x[:-1]])
    padded = np.pad(x, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    bands = np.abs(np.fft.rfft(frames * window, axis=1)) @ filter_bank()
    decibel = 20 * np.log10(np.maximum(1e-5, bands)) - 20
    return np.clip(8 * ((decibel + 100) / 100) - 4, -4, 4).T.astype(np.float32)


def chunk_start(columns, seconds):
    """The first of the CHUNK columns for the frame at a time; near the end the last ones."""
    return min(int(np.floor(PER_SECOND * seconds + 1e-6)), columns - CHUNK)
