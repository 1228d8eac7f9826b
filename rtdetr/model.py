"""RT-DETR: backbone, hybrid encoder, decoder (arXiv:2304.08069, fig. 4).

N images, H x W pixels, Q queries.
"""

from copy import deepcopy

from torch import Tensor, nn

from rtdetr.backbones import build_backbone
from rtdetr.config import RTDETRConfig
from rtdetr.decoder import RTDETRDecoder
from rtdetr.encoder import HybridEncoder
from rtdetr.layers import RepVGGBlock


class RTDETR(nn.Module):
    """The network, without pre- or post-processing."""

    def __init__(self, config: RTDETRConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.encoder = HybridEncoder(config.encoder, self.backbone.channels)
        self.decoder = RTDETRDecoder(config.decoder, config.encoder.hidden_dim)

    def forward(self, images_N3HW: Tensor) -> dict[str, Tensor]:
        """Class logits and boxes of every query.

        ``images_N3HW`` has values in [0, 1]; H and W are multiples of 32, large enough for as
        many anchors as there are queries: 21·H·W / 1024 of them. Returns ``pred_logits``,
        (N, Q, classes), and ``pred_boxes``, (N, Q, 4): center, width and height in fractions of
        the image. Any other shape fails in the operator that cannot take it.
        """
        maps: list[Tensor] = self.backbone(images_N3HW)
        maps = self.encoder(maps)
        logits_NQK, boxes_NQ4 = self.decoder(maps)
        return {"pred_logits": logits_NQK, "pred_boxes": boxes_NQ4}

    def deploy(self) -> "RTDETR":
        """A copy in eval mode whose RepVGG blocks are one convolution each; self stays as it is."""
        model = deepcopy(self).eval()
        for parent in list(model.modules()):
            for name, child in parent.named_children():
                if isinstance(child, RepVGGBlock):
                    setattr(parent, name, child.merge())
        return model
