"""BlazeFace (front camera, 128 x 128) in PyTorch, to compare viseme with; tensor names as in the
PyTorch conversions of MediaPipe's model."""
import torch
from torch import nn
from torch.nn import functional as F

from face_networks import BLAZEFACE_STAGES

from .blaze import Backbone, blocks


class BlazeFace(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone1 = Backbone(nn.Conv2d(3, 24, 5, 2), nn.ReLU(),
                                  *blocks(24, BLAZEFACE_STAGES["backbone1"][1], False))
        self.backbone2 = Backbone(*blocks(88, BLAZEFACE_STAGES["backbone2"][1], False))
        self.classifier_8 = nn.Conv2d(88, 2, 1)
        self.classifier_16 = nn.Conv2d(96, 6, 1)
        self.regressor_8 = nn.Conv2d(88, 32, 1)
        self.regressor_16 = nn.Conv2d(96, 96, 1)

    def forward(self, x, taps=None):
        """x [B 3 128 128], RGB / 255 -> raw_boxes [B 896 16], raw_scores [B 896 1]. `taps`, a
        dict, receives the outputs of the modules [B C H W] by their names."""
        taps = {} if taps is None else taps
        at16 = self.backbone1.run(F.pad(x, (1, 2, 1, 2)), "backbone1", taps)
        at8 = self.backbone2.run(at16, "backbone2", taps)

        def rows(maps, numbers):  # [B C H W] of each -> [B all numbers]
            return torch.cat([m.permute(0, 2, 3, 1).reshape(len(x), -1, numbers) for m in maps], 1)

        return {"raw_boxes": rows((self.regressor_8(at16), self.regressor_16(at8)), 16),
                "raw_scores": rows((self.classifier_8(at16), self.classifier_16(at8)), 1)}


def from_config(_config):
    """The network for the viseme.config of a weights file."""
    return BlazeFace().eval()
