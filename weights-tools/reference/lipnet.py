"""LipNet in PyTorch, to compare viseme with.

The network of Assael et al., "LipNet: End-to-End Sentence-level Lipreading" (2016), with the
sizes, tensor names and order of operations of VIPL's LipNet-PyTorch, so that its checkpoints
fit. Only evaluation: dropout has no place here.
"""
from torch import nn
from torch.nn import functional as F


class LipNet(nn.Module):
    def __init__(self, classes=28, frame_height=64, frame_width=128):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 32, (3, 5, 5), stride=(1, 2, 2), padding=(1, 2, 2))
        self.conv2 = nn.Conv3d(32, 64, (3, 5, 5), padding=(1, 2, 2))
        self.conv3 = nn.Conv3d(64, 96, (3, 3, 3), padding=(1, 1, 1))
        features = 96 * (frame_height // 16) * (frame_width // 16)
        self.gru1 = nn.GRU(features, 256, bidirectional=True)
        self.gru2 = nn.GRU(512, 256, bidirectional=True)
        self.FC = nn.Linear(512, classes)

    def forward(self, x, taps=None):
        """x [B 3 T H W], BGR / 255 -> logits [B T classes]. `taps`, a dict, receives what is
        between: convN before ReLU and poolN [B C T H W], gruN [T B 512], FC [T B classes]."""
        taps = {} if taps is None else taps
        for n, conv in enumerate((self.conv1, self.conv2, self.conv3), 1):
            x = taps[f"conv{n}"] = conv(x)
            x = taps[f"pool{n}"] = F.max_pool3d(F.relu(x), (1, 2, 2))
        x = x.permute(2, 0, 1, 3, 4).flatten(2)  # [T B C*H*W]
        x = taps["gru1"] = self.gru1(x)[0]
        x = taps["gru2"] = self.gru2(x)[0]
        x = taps["FC"] = self.FC(x)
        return x.transpose(0, 1)


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return LipNet(config["classes"], config["frame_height"], config["frame_width"]).eval()
