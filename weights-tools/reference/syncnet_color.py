"""SyncNet_color, the expert that Wav2Lip is trained with, in PyTorch; see wav2lip.py."""
from torch import nn
from torch.nn import functional as F

from wav2lip_networks import EXPERT_CONFIG

from .wav2lip import audio_encoder, row, run


class SyncNetColor(nn.Module):
    """The arguments are keys of the config; left out, those of the original."""

    def __init__(self, face_widths=None, face_residuals=None, audio_widths=None,
                 audio_residuals=None):
        super().__init__()
        default = EXPERT_CONFIG
        self.face_encoder = row(
            15, face_widths or default["face_widths"],
            face_residuals or default["face_residuals"],
            ((7, 1, 3), (5, (1, 2), 1), (3, 2, 1), (3, 2, 1), (3, 2, 1), (3, 2, 1), (3, 1, 0)))
        self.audio_encoder = audio_encoder(audio_widths or default["audio_widths"],
                                           audio_residuals or default["audio_residuals"])

    def forward(self, audio, face, taps=None):
        """audio [B 1 80 16], face [B 15 48 96] (lower halves of five frames, B G R of each in
        turn, from 0 to 1) -> audio_embedding and face_embedding [B E], of length 1."""
        face = run(self.face_encoder, face, "face_encoder", taps)
        audio = run(self.audio_encoder, audio, "audio_encoder", taps)
        return {"audio_embedding": F.normalize(audio.flatten(1)),
                "face_embedding": F.normalize(face.flatten(1))}


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return SyncNetColor(**{k: v for k, v in config.items()
                           if "width" in k or "residuals" in k}).eval()
