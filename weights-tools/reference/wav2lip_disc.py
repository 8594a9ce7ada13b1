"""Wav2Lip's discriminator of visual quality in PyTorch; see wav2lip.py."""
from torch import nn
from torch.nn import functional as F

from wav2lip_networks import DISC_CONFIG, DISC_KERNELS


class Block(nn.Module):
    def __init__(self, channels, out, k, stride=1, pad=0):
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(channels, out, k, stride, pad))

    def forward(self, x):
        return F.leaky_relu(self.conv_block(x), 0.01)


class Discriminator(nn.Module):
    def __init__(self, widths=None):
        super().__init__()
        stages, channels = [], 3
        for i, (out, k) in enumerate(zip(widths or DISC_CONFIG["widths"], DISC_KERNELS)):
            stride, pad = (1 if i in (0, 6) else (1, 2) if i == 1 else 2), (k // 2 if i < 6 else 0)
            stage = [Block(channels, out, k, stride, pad)]
            if i:
                stage.append(Block(out, out, k if i < 6 else 1, 1, pad))
            stages.append(nn.Sequential(*stage))
            channels = out
        self.face_encoder_blocks = nn.ModuleList(stages)
        self.binary_pred = nn.Sequential(nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, face, taps=None):
        """face [B 3 T 96 96], BGR from 0 to 1; only the lower half of a frame counts -> logits and
        pred [T B 1], the probability that it is real."""
        batch, times = face.shape[0], face.shape[2]
        x = face.permute(2, 0, 1, 3, 4).flatten(0, 1)[:, :, face.shape[3] // 2:]
        for i, stage in enumerate(self.face_encoder_blocks):
            x = stage(x)
            if taps is not None:
                taps[f"face_encoder_blocks.{i}"] = x
        x = self.binary_pred[0](x)
        if taps is not None:
            taps["binary_pred.0"] = x
        logits = x.reshape(times, batch, 1)
        return {"logits": logits, "pred": logits.sigmoid()}


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return Discriminator(config["widths"]).eval()
