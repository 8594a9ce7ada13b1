"""The log-mel front end of syncnet_trainer and of SyncE2E in NumPy: torchaudio's mel spectrogram,
its logarithm, and each band normalised over the clip."""
import numpy as np

RATE, FFT, WINDOW, HOP, BANDS = 16000, 512, 400, 160, 40
FLOOR, EPS = 1e-6, 1e-5


def filter_bank():
    """Triangles on the HTK mel scale from 0 to 8000 Hz, not normalised: [FFT / 2 + 1, BANDS]."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    up = (hertz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    down = (corners[2:] - hertz) / (corners[2:] - corners[1:-1])
    return np.maximum(0, np.minimum(up, down))


def mel_power(samples):
    """samples [S], 16 kHz, in the range of int16, S > 256 -> float64 [BANDS, 1 + S // HOP]; frame k
    is centred at sample k * HOP, the ends are mirrored."""
    padded = np.pad(np.asarray(samples, np.float64), FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    window = np.zeros(FFT)
    start = (FFT - WINDOW) // 2
    window[start:start + WINDOW] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    spectrum = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return (spectrum @ filter_bank()).T


def normalized_log(power):
    """[BANDS, K] -> [BANDS, K - 2]: the logarithm with zero mean and unit variance in each band
    over all frames, then without the first and the last frame."""
    x = np.log(power + FLOOR)
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + EPS)
    return x[:, 1:-1]


def log_mel(samples):
    """[S] -> [BANDS, S // HOP - 1]: columns 4t .. 4t+19 go with the frames t .. t+4 of a video of
    25 frames a second."""
    return normalized_log(mel_power(samples))
