"""CycleGAN between low and middle resolution: what a camera does to pictures, learned without a single pair.

Zhu et al., *Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks*, ICCV 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.methods.method import Method, ParameterGroup
from helpers.networks.picture_judges import PatchJudge
from helpers.networks.picture_translation import Translator
from helpers.objectives.adversarial import least_squares
from helpers.views.degradation import enlarged, shrunk


class CycleGAN(Method):
    """Low resolution, enlarged to the middle one (X), against middle resolution (Y).

    Both domains have the middle resolution's size, so that every loss is the paper's. G: X → Y removes what the camera
    did; F: Y → X does it: a translator that also sees a channel of noise, then the mean over blocks of pixels and the
    same enlargement.

    Args:
        low, middle: sides of the pictures, pixels; ``middle`` is a multiple of ``low``.
        width, blocks: of both translators.
        judge_width: of both discriminators.
        cycle: λ, weight of the cycle losses; the paper's 10.
        identity: weight of the identity losses as a share of λ; the paper's 0.5.
        pool: made pictures that each discriminator is shown again, >= 1; the paper's 50.

    Attributes:
        encoder: G as a module: what the study keeps.
    """

    def __init__(
        self, low: int, middle: int, *, width: int = 24, blocks: int = 2, judge_width: int = 16, cycle: float = 10.0,
        identity: float = 0.5, pool: int = 50,
    ) -> None:  # fmt: skip
        super().__init__()
        self.low, self.middle = low, middle
        self.encoder = Translator(width, blocks)  # G
        self.camera = Translator(width, blocks, extra=1)  # F
        self.judge_low, self.judge_middle = PatchJudge(judge_width), PatchJudge(judge_width)
        self.cycle, self.identity = cycle, identity
        for name in ("pool_low", "pool_middle"):
            self.register_buffer(name, torch.zeros(pool, 3, middle, middle))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def lifted(self, low: Tensor) -> Tensor:
        """Low resolution (B, 3, low, low) → middle (B, 3, middle, middle)."""
        return self.encoder(enlarged(low, self.middle))

    def degraded(self, middle: Tensor, noise: Tensor | None = None) -> Tensor:
        """Middle resolution → low, (B, 3, low, low), as the learned camera sees it.

        Args:
            middle: (B, 3, middle, middle).
            noise: (B, 1, middle, middle) standard normal; none where None: the camera's mean picture, about.
        """
        shown = middle.new_zeros(len(middle), 1, *middle.shape[2:]) if noise is None else noise
        return shrunk(self.camera(middle, shown), self.middle // self.low)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """All losses of a batch.

        Args:
            batch: ``"low"`` (B, 3, low, low) and ``"middle"`` (B, 3, middle, middle), of different faces.
        """
        x, y = enlarged(batch["low"], self.middle), batch["middle"]
        made_y, made_x = self.encoder(x), self._forth(y)
        self.judge_low.requires_grad_(False)
        self.judge_middle.requires_grad_(False)
        fooled = least_squares(self.judge_middle(made_y), real=True) + least_squares(self.judge_low(made_x), real=True)
        cycle = (self._forth(made_y) - x).abs().mean() + (self.encoder(made_x) - y).abs().mean()
        same = (self.encoder(y) - y).abs().mean() + (self._forth(x) - x).abs().mean()
        self.judge_low.requires_grad_(True)
        self.judge_middle.requires_grad_(True)
        seen_x, seen_y = self._from_pools(made_x.detach(), made_y.detach())
        told = self._told(self.judge_low, x, seen_x) + self._told(self.judge_middle, y, seen_y)
        loss = fooled + self.cycle * (cycle + self.identity * same) + told
        return {"loss": loss, "cycle": cycle.detach(), "identity": same.detach(), "fooled": fooled.detach(),
                "told": told.detach()}  # fmt: skip

    def parameter_groups(self) -> list[ParameterGroup]:
        """Adam for the translators and for the discriminators."""
        drawing = [*self.encoder.parameters(), *self.camera.parameters()]
        judging = [*self.judge_low.parameters(), *self.judge_middle.parameters()]
        return [ParameterGroup(drawing, "adam"), ParameterGroup(judging, "adam")]

    def _forth(self, middle: Tensor) -> Tensor:
        """F: middle resolution → low, enlarged again."""
        noise = torch.randn(len(middle), 1, *middle.shape[2:], device=middle.device)
        return enlarged_freely(self.degraded(middle, noise), self.middle)

    @staticmethod
    def _told(judge: nn.Module, real: Tensor, made: Tensor) -> Tensor:
        return 0.5 * (least_squares(judge(real), real=True) + least_squares(judge(made), real=False))

    def _from_pools(self, *made: Tensor) -> list[Tensor]:
        """Each made picture, or with chance ½ an older one in its place (Shrivastava et al., CVPR 2017)."""
        filled: Tensor = self.get_buffer("filled")
        shown = []
        for name, pictures in zip(("pool_low", "pool_middle"), made, strict=True):
            pool, seen = self.get_buffer(name), pictures.clone()
            for i in range(len(pictures)):
                at = int(filled) + i
                if at < len(pool):
                    pool[at] = pictures[i]
                elif torch.rand(()) < 0.5:
                    at = int(torch.randint(len(pool), ()))
                    seen[i] = pool[at]
                    pool[at] = pictures[i]
            shown.append(seen)
        filled.fill_(min(int(filled) + len(made[0]), len(self.get_buffer("pool_low"))))
        return shown


def enlarged_freely(low: Tensor, size: int) -> Tensor:
    """Bicubic up-sampling without clipping, so that gradients flow."""
    return nn.functional.interpolate(low, (size, size), mode="bicubic", align_corners=False)
