"""FaceMesh (468 points, 192 x 192) in PyTorch, to compare viseme with; tensor names as in the
PyTorch conversion of MediaPipe's model. Kartynnik et al., "Real-time Facial Surface Geometry from
Monocular Video on Mobile GPUs" (2019)."""
from torch import nn
from torch.nn import functional as F

from face_networks import FACEMESH_BACKBONE, POINTS

from .blaze import Backbone, blocks


def head(stages, out):
    """Blocks, fewer channels, a block, a convolution over the whole 3 x 3 map."""
    return Backbone(*blocks(128, stages, True), nn.Conv2d(128, 32, 1), nn.PReLU(32),
                    *blocks(32, [(32, 1)], True), nn.Conv2d(32, out, 3))


class FaceMesh(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone1 = Backbone(nn.Conv2d(3, 16, 3, 2), nn.PReLU(16),
                                  *blocks(16, FACEMESH_BACKBONE, True))
        self.backbone2a = head([(128, 2), (128, 1), (128, 1)], 3 * POINTS)
        self.backbone2b = head([(128, 2)], 1)

    def forward(self, x, taps=None):
        """x [B 3 192 192], RGB / 255 -> raw [B 468 3] in crops, flag_logit [B], flag [B]. `taps`,
        a dict, receives the outputs of the modules [B C H W] by their names."""
        taps = {} if taps is None else taps
        x = self.backbone1.run(F.pad(x, (0, 1, 0, 1)), "backbone1", taps)
        raw = self.backbone2a.run(x, "backbone2a", taps).reshape(len(x), POINTS, 3) / 192
        logit = self.backbone2b.run(x, "backbone2b", taps).reshape(len(x))
        return {"raw": raw, "flag_logit": logit, "flag": logit.sigmoid()}


def from_config(_config):
    """The network for the viseme.config of a weights file."""
    return FaceMesh().eval()
