"""Query selection and the decoder (arXiv:2304.08069, sec. 4.3; refinement: arXiv:2010.04159).

N images, D features, Q queries, K classes; S positions of all maps together; a box is
(cx, cy, w, h) in fractions of the image.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice
from math import log, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtdetr.boxes import anchor_logits, inverse_sigmoid
from rtdetr.config import DecoderConfig
from rtdetr.deformable import DeformableAttention, DeformableAttentionV2
from rtdetr.layers import MLP, ConvNorm, SelfAttention

PRIOR = 0.01

CROSS_ATTENTION: dict[str, type[DeformableAttention]] = {
    "v1": DeformableAttention,
    "v2": DeformableAttentionV2,
}
# What the state dicts call the linear layer and the norm of ``enc_output``.
ENC_OUTPUT = {"v1": ("0", "1"), "v2": ("proj", "norm")}


class DecoderLayer(nn.Module):
    """Self-attention, deformable attention to the maps, feed-forward; each residual normalized."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        dim = config.hidden_dim
        self.self_attn = SelfAttention(dim, config.nhead)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn = CROSS_ATTENTION[config.version](config)
        self.norm2 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, dim)
        self.norm3 = nn.LayerNorm(dim)

    def forward(
        self,
        query_NQD: Tensor,
        position_NQD: Tensor,
        boxes_NQ4: Tensor,
        memory_NSD: Tensor,
        sizes: Sequence[tuple[int, int]],
        mask_QQ: Tensor | None = None,
    ) -> Tensor:
        """Queries of the same shape; ``sizes`` are the maps' heights and widths.

        ``mask_QQ`` is true where a query may attend to another one; None is everywhere.
        """
        x_NQD = self.norm1(query_NQD + self.self_attn(query_NQD, position_NQD, mask_QQ))
        read_NQD = self.cross_attn(x_NQD + position_NQD, boxes_NQ4, memory_NSD, sizes)
        x_NQD = self.norm2(x_NQD + read_NQD)
        y_NQD: Tensor = self.norm3(x_NQD + self.linear2(F.relu(self.linear1(x_NQD))))
        return y_NQD


class TransformerDecoder(nn.Module):
    """Layers that refine the queries' boxes in turn; the heads are the caller's."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        last = config.num_layers - 1 if config.eval_idx is None else config.eval_idx
        self.eval_layers = last + 1

    def forward(
        self,
        query_NQD: Tensor,
        boxes_NQ4: Tensor,
        memory_NSD: Tensor,
        sizes: Sequence[tuple[int, int]],
        position_head: nn.Module,
        box_heads: Iterable[nn.Module],
        score_heads: Sequence[nn.Module] | nn.ModuleList,
    ) -> tuple[Tensor, Tensor]:
        """Class logits (N, Q, K) and boxes (N, Q, 4) after the last layer that runs."""
        depth = len(self.layers) if self.training else self.eval_layers
        for layer, box_head in islice(zip(self.layers, box_heads, strict=True), depth):
            query_NQD = layer(query_NQD, position_head(boxes_NQ4), boxes_NQ4, memory_NSD, sizes)
            boxes_NQ4 = torch.sigmoid(box_head(query_NQD) + inverse_sigmoid(boxes_NQ4))
        logits_NQK: Tensor = score_heads[depth - 1](query_NQD)
        return logits_NQK, boxes_NQ4


class RTDETRDecoder(nn.Module):
    """Pick the most promising positions of the maps as queries, then refine them."""

    def __init__(self, config: DecoderConfig, in_channels: int) -> None:
        super().__init__()
        dim, classes = config.hidden_dim, config.num_classes
        self.num_queries = config.num_queries
        self.input_proj = nn.ModuleList(ConvNorm(in_channels, dim, 1) for _ in config.num_points)
        self.decoder = TransformerDecoder(config)
        # Only training's denoising queries read it; the released weights hold it.
        self.denoising_class_embed = nn.Embedding(
            classes + 1, dim, padding_idx=classes, _weight=torch.zeros(classes + 1, dim)
        )
        self.query_pos_head = MLP((4, 2 * dim, dim))
        proj, norm = ENC_OUTPUT[config.version]
        self.enc_output = nn.Sequential(
            OrderedDict({proj: nn.Linear(dim, dim), norm: nn.LayerNorm(dim)})
        )
        self.enc_score_head = nn.Linear(dim, classes)
        self.enc_bbox_head = MLP((dim, dim, dim, 4))
        self.dec_score_head = nn.ModuleList(
            nn.Linear(dim, classes) for _ in range(config.num_layers)
        )
        self.dec_bbox_head = nn.ModuleList(
            MLP((dim, dim, dim, 4)) for _ in range(config.num_layers)
        )
        self._init_weights()

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits (N, Q, K) and boxes (N, Q, 4) from the encoder's maps, finest first."""
        memory_NSD, sizes = self.memory(maps)
        features_NSD, scores_NSK, logits_NS4 = self.candidates(memory_NSD, sizes)
        index_NQ = self.best(scores_NSK)
        query_NQD, boxes_NQ4 = (
            take(features_NSD, index_NQ),
            torch.sigmoid(take(logits_NS4, index_NQ)),
        )
        logits_NQK, boxes_NQ4 = self.decoder(
            query_NQD,
            boxes_NQ4,
            memory_NSD,
            sizes,
            self.query_pos_head,
            self.dec_bbox_head,
            self.dec_score_head,
        )
        return logits_NQK, boxes_NQ4

    def memory(self, maps: Sequence[Tensor]) -> tuple[Tensor, list[tuple[int, int]]]:
        """The maps' positions in one sequence, and the maps' heights and widths."""
        projected = [project(x) for project, x in zip(self.input_proj, maps, strict=True)]
        sizes = [(x_NDHW.shape[2], x_NDHW.shape[3]) for x_NDHW in projected]
        return torch.cat([x_NDHW.flatten(2) for x_NDHW in projected], dim=2).transpose(1, 2), sizes

    def candidates(
        self, memory_NSD: Tensor, sizes: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of each position, the features, the class logits (N, S, K), the box's logits."""
        anchors_S4, valid_S1 = anchor_logits(
            sizes, dtype=memory_NSD.dtype, device=memory_NSD.device
        )
        features_NSD = self.enc_output(torch.where(valid_S1, memory_NSD, 0))
        scores_NSK = self.enc_score_head(features_NSD)
        return features_NSD, scores_NSK, self.enc_bbox_head(features_NSD) + anchors_S4

    def best(self, scores_NSK: Tensor) -> Tensor:
        """The positions whose best class scores highest, (N, Q)."""
        return scores_NSK.amax(-1).topk(self.num_queries, dim=1).indices

    @torch.no_grad()
    def _init_weights(self) -> None:
        """Scores start at the prior probability (arXiv:1708.02002, sec. 3.3), boxes at anchors."""
        for score_head in (self.enc_score_head, *self.dec_score_head):
            nn.init.constant_(score_head.bias, -log((1 - PRIOR) / PRIOR))
        for box_head in (self.enc_bbox_head, *self.dec_bbox_head):
            nn.init.zeros_(box_head.layers[-1].weight)
            nn.init.zeros_(box_head.layers[-1].bias)
        for linear in (self.enc_output[0], *self.query_pos_head.layers):
            nn.init.xavier_uniform_(linear.weight)
        # Unit variance, uniform: on the meta device a normal draw makes torch import its compiler.
        nn.init.uniform_(self.denoising_class_embed.weight[:-1], -sqrt(3), sqrt(3))


def take(x_NSC: Tensor, index_NQ: Tensor) -> Tensor:
    """The rows of ``x_NSC`` that ``index_NQ`` names, (N, Q, C)."""
    return x_NSC.gather(1, index_NQ.unsqueeze(-1).expand(-1, -1, x_NSC.shape[-1]))
