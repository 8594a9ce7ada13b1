"""SyncNet in PyTorch, to compare viseme with and to train.

Chung and Zisserman, "Out of time: automated lip sync in the wild" (2016), with the sizes, tensor
names and order of operations of syncnet_python's model S, so that its checkpoints fit. Widths are
free, for narrow variants.
"""
import torch
from torch import nn

LIP = (96, 256, 256, 256, 256, 512)
AUD = (64, 192, 384, 256, 256, 512)
HEAD = (512, 1024)


class Named(nn.Sequential):
    """Modules in a row whose names are their numbers; run() fills `taps`."""

    def run(self, x, name, taps):
        for i, module in enumerate(self):
            x = module(x)
            if taps is not None:
                taps[f"{name}.{i}"] = x
        return x


def layer(conv, norm):
    return [conv, norm(conv.out_channels), nn.ReLU()]


def lip_map(frame_size):
    """Side of the map in front of the last convolution of the lip trunk: 6 for 224."""
    side = frame_size
    for kernel, stride, pad in ((7, 2, 0), (3, 2, 0), (5, 2, 1), (3, 2, 1), (3, 2, 0)):
        side = (side + 2 * pad - kernel) // stride + 1
    return side


def lip_trunk(w=LIP, frame_size=224):
    """[B 3 T S S] -> [B w[5] T-4 1 1]; only the first convolution looks along time."""
    side = lip_map(frame_size)
    same = {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)}
    norm = nn.BatchNorm3d
    return Named(
        *layer(nn.Conv3d(3, w[0], (5, 7, 7), (1, 2, 2)), norm),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *layer(nn.Conv3d(w[0], w[1], (1, 5, 5), (1, 2, 2), (0, 1, 1)), norm),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        *layer(nn.Conv3d(w[1], w[2], **same), norm),
        *layer(nn.Conv3d(w[2], w[3], **same), norm),
        *layer(nn.Conv3d(w[3], w[4], **same), norm),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *layer(nn.Conv3d(w[4], w[5], (1, side, side)), norm))


def audio_trunk(w=AUD, height=13):
    """[N 1 height 20] -> [N w[5] 1 1]; height 13 for MFCC, 40 for log-mel."""
    norm = nn.BatchNorm2d
    rows = (height - 2 - 3) // 2 + 1
    return Named(
        *layer(nn.Conv2d(1, w[0], 3, padding=1), norm), nn.MaxPool2d(1),
        *layer(nn.Conv2d(w[0], w[1], 3, padding=1), norm), nn.MaxPool2d(3, (1, 2)),
        *layer(nn.Conv2d(w[1], w[2], 3, padding=1), norm),
        *layer(nn.Conv2d(w[2], w[3], 3, padding=1), norm),
        *layer(nn.Conv2d(w[3], w[4], 3, padding=1), norm), nn.MaxPool2d(3, 2),
        *layer(nn.Conv2d(w[4], w[5], (rows, 4)), norm))


def head(inputs, w=HEAD):
    """[N inputs] -> [N w[1]]; the last layer is linear."""
    return Named(nn.Linear(inputs, w[0]), nn.BatchNorm1d(w[0]), nn.ReLU(), nn.Linear(w[0], w[1]))


class SyncNet(nn.Module):
    """Widths: of the six convolutions of both trunks; of the two layers of both heads."""

    def __init__(self, lip=LIP, aud=AUD, head_widths=HEAD, frame_size=224, audio=None):
        super().__init__()
        self.netcnnaud = audio or audio_trunk(aud)
        self.netfcaud = head(aud[5], head_widths)
        self.netfclip = head(lip[5], head_widths)
        self.netcnnlip = lip_trunk(lip, frame_size)

    def forward_lip(self, x, taps=None):
        """x [B 3 T S S], BGR 0..255 -> embeddings [B T-4 E] and features [B T-4 F]: element t is
        of the frames t .. t+4."""
        x = self.netcnnlip.run(x, "netcnnlip", taps).flatten(2).transpose(1, 2)  # [B T-4 F]
        y = self.netfclip.run(x.flatten(0, 1), "netfclip", taps)
        return y.reshape(x.shape[0], x.shape[1], y.shape[1]), x

    def forward_aud(self, x, taps=None):
        """x [N 1 13 20] (or [N 1 40 20]): windows of 20 frames -> embeddings [N E]."""
        x = self.netcnnaud.run(x, "netcnnaud", taps).flatten(1)
        return self.netfcaud.run(x, "netfcaud", taps)

    def forward(self, lip=None, aud=None, taps=None):
        """What viseme's outputs are called -> tensors; of one stream where only its input is."""
        y = {}
        if lip is not None:
            y["lip_embedding"], y["lip_feature"] = self.forward_lip(lip, taps)
        if aud is not None:
            y["aud_embedding"] = self.forward_aud(aud, taps)
        return y


def audio_windows(features):
    """[B C M] features at 100 a second -> [B K C 20]: window t, 4t .. 4t+19, goes with the video
    frames t .. t+4 at 25 a second."""
    return features.unfold(2, 20, 4).transpose(1, 2)


def similarity(audio, video):
    """Cosine of every audio embedding [.. M E] and every video embedding [.. M E]:
    [.. M M], rows audio, columns video."""
    unit = torch.nn.functional.normalize
    return unit(audio, dim=-1) @ unit(video, dim=-1).transpose(-1, -2)


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return SyncNet(config["lip_widths"], config["aud_widths"], config["head_widths"],
                   config["frame_size"]).eval()
