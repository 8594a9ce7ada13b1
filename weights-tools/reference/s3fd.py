"""S3FD in PyTorch, to compare viseme with; tensor names as in Wav2Lip's face detection."""
import torch
from torch import nn
from torch.nn import functional as F

from face_detectors import S3FD_BLOCKS, S3FD_LEVELS


class Scale(nn.Module):
    """Channels brought to the length 1, then a factor for each."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10) * self.weight.view(1, -1, 1, 1)


class S3FD(nn.Module):
    def __init__(self):
        super().__init__()
        channels = 3
        for i, (out, depth) in enumerate(S3FD_BLOCKS, 1):
            for k in range(1, depth + 1):
                setattr(self, f"conv{i}_{k}", nn.Conv2d(channels, out, 3, padding=1))
                channels = out
        self.fc6 = nn.Conv2d(512, 1024, 3, padding=3)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.conv6_1 = nn.Conv2d(1024, 256, 1)
        self.conv6_2 = nn.Conv2d(256, 512, 3, 2, 1)
        self.conv7_1 = nn.Conv2d(512, 128, 1)
        self.conv7_2 = nn.Conv2d(128, 256, 3, 2, 1)
        for name in list(S3FD_LEVELS)[:3]:
            setattr(self, name, Scale(S3FD_LEVELS[name]))
        for i, (name, channels) in enumerate(S3FD_LEVELS.items()):
            setattr(self, f"{name}_mbox_conf", nn.Conv2d(channels, 2 if i else 4, 3, padding=1))
            setattr(self, f"{name}_mbox_loc", nn.Conv2d(channels, 4, 3, padding=1))

    def forward(self, x, taps=None):
        """x [B 3 H W], R G B from 0 to 255 less (104, 117, 123) -> cls1 [B 2 H W] and reg1
        [B 4 H W] to cls6, reg6. `taps`, a dict, receives what the modules give by their names."""
        taps = {} if taps is None else taps

        def layer(name, x):
            taps[name] = getattr(self, name)(x)
            return taps[name]

        maps = {}
        for i, (_out, depth) in enumerate(S3FD_BLOCKS, 1):
            for k in range(1, depth + 1):
                x = F.relu(layer(f"conv{i}_{k}", x))
            if i >= 3:
                maps[f"conv{i}_{depth}_norm"] = layer(f"conv{i}_{depth}_norm", x)
            x = F.max_pool2d(x, 2)
        for name in ("fc6", "fc7", "conv6_1", "conv6_2", "conv7_1", "conv7_2"):
            x = F.relu(layer(name, x))
            if name in S3FD_LEVELS:
                maps[name] = x
        outputs = {}
        for i, name in enumerate(S3FD_LEVELS, 1):
            cls = layer(f"{name}_mbox_conf", maps[name])
            if i == 1:
                cls = torch.cat([cls[:, :3].max(1, keepdim=True)[0], cls[:, 3:]], 1)
            outputs[f"cls{i}"] = cls
            outputs[f"reg{i}"] = layer(f"{name}_mbox_loc", maps[name])
        return outputs


def from_config(_config):
    """The network for the viseme.config of a weights file."""
    return S3FD().eval()
