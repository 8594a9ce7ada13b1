"""What BlazeFace and FaceMesh in PyTorch share."""
from torch import nn
from torch.nn import functional as F


class BlazeBlock(nn.Module):
    """Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs"
    (2019): depthwise 3 x 3, pointwise, plus the input (its 2 x 2 maximum with stride 2, zero
    channels behind it), activation. With stride 2 zeros stand at the right and bottom only."""

    def __init__(self, channels, out, stride, prelu):
        super().__init__()
        self.stride, self.more = stride, out - channels
        self.convs = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride, padding=2 - stride, groups=channels),
            nn.Conv2d(channels, out, 1))
        self.act = nn.PReLU(out) if prelu else nn.ReLU()

    def forward(self, x):
        skip = x
        if self.stride == 2:
            skip = F.max_pool2d(x, 2)
            x = F.pad(x, (0, 1, 0, 1))
        return self.act(self.convs(x) + F.pad(skip, (0, 0, 0, 0, 0, self.more)))


class Backbone(nn.Sequential):
    """Modules in a row whose names are their numbers; forward() fills `taps`."""

    def run(self, x, name, taps):
        for i, module in enumerate(self):
            x = taps[f"{name}.{i}"] = module(x)
        return x


def blocks(channels, stages, prelu):
    """Blocks of (channels out, stride), the first of which gets `channels`."""
    made = []
    for out, stride in stages:
        made.append(BlazeBlock(channels, out, stride, prelu))
        channels = out
    return made
