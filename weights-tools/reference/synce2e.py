"""The networks of Kim et al., "End-to-End Lip Synchronisation Based on Pattern Classification"
(2021), in PyTorch, to compare viseme with and to train: SyncNet's streams with 40 x 20 log-mel
windows, the matrix of cosines between them, and a classifier of its offset."""
from torch import nn

from .syncnet import AUD, HEAD, LIP, Named, SyncNet, audio_trunk, layer, similarity

AUD_FBANK = (96, 256, 384, 256, 256, 512)
CLS = (256, 256, 128)
OFFSETS = 11


def fbank_trunk(w=AUD_FBANK):
    """[N 1 40 20] -> [N w[5] 1 1], the audio trunk of syncnet_trainer."""
    norm = nn.BatchNorm2d
    return Named(
        *layer(nn.Conv2d(1, w[0], (5, 7), padding=2), norm), nn.MaxPool2d((1, 3), (1, 2)),
        *layer(nn.Conv2d(w[0], w[1], 5, (2, 1), padding=1), norm), nn.MaxPool2d(3, (2, 1)),
        *layer(nn.Conv2d(w[1], w[2], 3, padding=1), norm),
        *layer(nn.Conv2d(w[2], w[3], 3, padding=1), norm),
        *layer(nn.Conv2d(w[3], w[4], 3, padding=1), norm), nn.MaxPool2d(3, 2),
        *layer(nn.Conv2d(w[4], w[5], (4, 1)), norm))


def classifier(matrix, w=CLS, offsets=OFFSETS):
    """[N 1 matrix matrix] -> [N offsets 1 1]; class c is the offset c - offsets // 2."""
    norm = nn.BatchNorm2d
    return Named(*layer(nn.Conv2d(1, w[0], 3, padding=1), norm),
                 *layer(nn.Conv2d(w[0], w[1], matrix), norm),
                 *layer(nn.Conv2d(w[1], w[2], 1), norm), nn.Conv2d(w[2], offsets, 1))


class SyncE2E(SyncNet):
    """trunk: "s", SyncNet's audio trunk with a larger last convolution, or "fbank". With `matrix`
    > 0 it has the classifier of matrices of that size, too."""

    def __init__(self, lip=LIP, aud=None, head_widths=HEAD, frame_size=224, trunk="fbank",
                 matrix=0, cls=CLS, offsets=OFFSETS):
        aud = aud or (AUD_FBANK if trunk == "fbank" else AUD)
        audio = fbank_trunk(aud) if trunk == "fbank" else audio_trunk(aud, 40)
        super().__init__(lip, aud, head_widths, frame_size, audio)
        if matrix:
            self.cls = classifier(matrix, cls, offsets)

    def forward_cls(self, m, taps=None):
        """m [N 1 M M], rows audio, columns video -> logits [N offsets]."""
        return self.cls.run(m, "cls", taps).flatten(1)

    def forward(self, lip=None, aud=None, matrix=None, taps=None):
        y = super().forward(lip, aud, taps)
        if matrix is not None:
            y["logits"] = self.forward_cls(matrix, taps)
            y["probs"] = y["logits"].softmax(1)
        return y

    def offsets(self, lip, mel):
        """lip [B 3 M+4 S S], mel windows [B M 40 20] -> logits [B offsets], end to end."""
        video = self.forward_lip(lip)[0]
        audio = self.forward_aud(mel.flatten(0, 1)[:, None]).unflatten(0, mel.shape[:2])
        return self.forward_cls(similarity(audio, video)[:, None])


class SyncE2EClassifier(nn.Module):
    """The classifier alone."""

    def __init__(self, matrix, cls=CLS, offsets=OFFSETS):
        super().__init__()
        self.cls = classifier(matrix, cls, offsets)

    def forward(self, matrix, taps=None):
        """matrix [N 1 M M] -> logits [N offsets] and probs, their softmax."""
        y = self.cls.run(matrix, "cls", taps).flatten(1)
        return {"logits": y, "probs": y.softmax(1)}


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return SyncE2E(config["lip_widths"], config["aud_widths"], config["head_widths"],
                   config["frame_size"], config["audio_trunk"], config["matrix"],
                   config["cls_widths"], config["offsets"]).eval()
