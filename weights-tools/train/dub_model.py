"""Wav2Lip's generator in the form that trains fast on a CPU, its expert, and their losses."""
import torch
from torch import nn
from torch.nn import functional as F

from reference.syncnet_color import SyncNetColor
from reference.wav2lip import Wav2Lip
from train.dub_clips import SIDE

CONFIG = {
    "generator": {
        "face_widths": [16, 32, 48, 64, 96, 160, 160], "face_residuals": [0, 1, 1, 1, 1, 1],
        "audio_widths": [32, 64, 96, 128, 192], "audio_residuals": [1, 1, 1, 1],
        "decoder_widths": [160, 160, 160, 128, 96, 48, 32],
        "decoder_residuals": [0, 1, 1, 1, 1, 1, 1], "output_width": 32},
    "expert": {
        "face_widths": [32, 32, 64, 96, 128, 192, 192], "face_residuals": [0, 1, 1, 1, 1, 0],
        "audio_widths": [32, 64, 96, 128, 192], "audio_residuals": [1, 1, 1, 1]}}
UNSHARED = ("w", "b")            # parameters that are no part of SyncNet_color
MOUTH = (0.5, 0.72, 0.24, 0.16)  # centre and reach of the mouth in a face, in shares of its sides
MOUTH_WEIGHT = 4.0               # there, one elsewhere in the lower half
UPPER_WEIGHT = 0.3


class Generator(Wav2Lip):
    """The same network with transposed convolutions as plain ones, which bfloat16 on AMX does many
    times faster."""

    def forward(self, mel, face, taps=None):
        x, maps = self.audio_encoder(mel), []
        for stage in self.face_encoder_blocks:
            face = stage(face)
            maps.append(face)
        for i, stage in enumerate(self.face_decoder_blocks):
            if i:
                conv, norm = stage[0].conv_block
                x = F.relu(norm(grown(x, conv)))
                x = stage[1:](x)
            else:
                x = stage(x)
            x = torch.cat((x, maps[-1 - i]), 1)
        return self.output_block(x)


def grown(x, conv):
    """What the transposed convolution `conv` (3 x 3) makes of x."""
    weight = conv.weight
    if conv.stride[0] == 1:  # from 1 x 1
        kernel = weight.permute(2, 3, 1, 0).flatten(0, 2)
        y = F.linear(x.flatten(1), kernel, conv.bias.repeat(9))
        return y.view(x.shape[0], 3, 3, -1).permute(0, 3, 1, 2)
    # Two rows of the output for each of the input: the even one sees it through the middle of the
    # kernel, the odd one sees it through the kernel's last row and the next through its first.
    kernel = phases(phases(weight, 2), 4).permute(3, 5, 1, 0, 2, 4).flatten(0, 2)
    y = F.conv2d(F.pad(x, (0, 1, 0, 1)), kernel, conv.bias.repeat(4))
    n, _, height, width = y.shape
    y = y.permute(0, 2, 3, 1).view(n, height, width, 2, 2, -1).transpose(2, 3)
    return y.reshape(n, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)


def phases(weight, axis):
    """Three taps along an axis -> two taps, and behind it an axis of (even, odd)."""
    first, middle, last = weight.unbind(axis)
    even = torch.stack((middle, torch.zeros_like(middle)), axis)
    return torch.stack((even, torch.stack((last, first), axis)), axis + 1)


class Expert(SyncNetColor):
    """With the scale and shift of the matching loss."""

    def __init__(self, **config):
        super().__init__(**config)
        self.w = nn.Parameter(torch.tensor(10.0))
        self.b = nn.Parameter(torch.tensor(0.0))


def loss_weights():
    """How much each pixel of a face counts, [96 96], one on average."""
    at = (torch.arange(SIDE) + 0.5) / SIDE
    x, y, across, down = MOUTH
    bump = torch.exp(-((at[None] - x) / across) ** 2 - ((at[:, None] - y) / down) ** 2)
    weights = torch.where(at < 0.45, UPPER_WEIGHT, 1.0)[:, None] + (MOUTH_WEIGHT - 1) * bump
    return weights / weights.mean()


def mouth_region(faces):
    """faces [... 96 96] -> the part around the mouth [... 36 48]."""
    return faces[..., 52:88, 24:72]


def lower_halves(faces):
    """Windows of faces [B 5 3 96 96] -> what the expert sees of them [B 15 48 96]."""
    return faces[..., SIDE // 2:, :].flatten(1, 2)


def matching_loss(expert, faces, sounds):
    """faces, sounds [B K E] of length 1: each is to find its other among those of its clip, both
    ways. Mean cross entropy of w cos + b. Other clips are left out: that a voice belongs to a
    face can be learned by heart, and says nothing of lips."""
    logits = expert.w * (faces @ sounds.transpose(1, 2)) + expert.b
    wanted = torch.arange(logits.shape[1]).expand(logits.shape[:2])
    return (F.cross_entropy(logits.transpose(1, 2), wanted) + F.cross_entropy(logits, wanted)) / 2


def sync_loss(cosines, matched):
    """The paper's: the cosine, 0 to 1, is the probability that they match."""
    cosines = cosines.clamp(1e-4, 1 - 1e-4)
    return F.binary_cross_entropy(cosines, torch.full_like(cosines, float(matched)))


def pair_loss(faces, sounds):
    """The paper's loss on right pairs and on all wrong ones of the same clip, half and half. faces,
    sounds [B K E]."""
    cosines = faces @ sounds.transpose(1, 2)
    right = torch.eye(cosines.shape[1], dtype=torch.bool).expand_as(cosines)
    return (sync_loss(cosines[right], True) + sync_loss(cosines[~right], False)) / 2
