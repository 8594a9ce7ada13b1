"""The offset classifier alone, for the runner."""
from .synce2e import SyncE2EClassifier


def from_config(config):
    """The network for the viseme.config of a weights file."""
    return SyncE2EClassifier(config["matrix"], config["cls_widths"], config["offsets"]).eval()
