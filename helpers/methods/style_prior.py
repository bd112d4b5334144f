"""A style-based generator that learns within minutes: codes in closed form, growing resolution, then a discriminator.

StyleGAN2 learns from a discriminator alone, which takes GPU-days. Here the styles of the training pictures are known
from the start, as their principal components (GLO, Bojanowski et al., ICML 2018, starts from those too). The
generator learns to draw each picture from its style: what the components' linear picture (eigenfaces) lacks, first at
a quarter of the resolution, then at half, then at the whole (Karras et al., *Progressive Growing of GANs*, ICLR
2018). The mapping learns to give styles as pictures have them (energy distance), and in the last part a discriminator
with R1 judges redrawn pictures and pictures of mapped z alike.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.methods.method import Method, ParameterGroup, update_average
from helpers.networks.picture_judges import PictureJudge
from helpers.networks.style_generator import Mapping, StyleGenerator
from helpers.objectives.adversarial import logistic, r1_penalty
from helpers.objectives.energy_distance import energy_distance

_MOST_STYLES = 512  # the last ones that the encoder gave, which the mapping's styles are held against
_MAPPED = 128  # z a step for the mapping


class StylePrior(Method):
    """Codes, mapping, generator and discriminator.

    Args:
        encoder: pictures (B, 3, side, side) in [0, 1] → styles (B, D); it is not trained.
        mapping, generator, judge: of one size.
        steps: of the whole training, >= 1: growth and discriminator go by shares of it.
        grown: shares of the steps after which the resolution is half and whole.
        adversarial_share: last share of the steps, which has a discriminator; none before the whole resolution.
        adversarial_weight: of the generator's adversarial loss; 0 for none.
        r1: γ of the R1 penalty, which is taken every 8th step, times 8.
        style_noise: standard deviation of the noise on a style before it is drawn, in units of the styles' own (1).
        averaging: momentum of the generator's moving average.

    Attributes:
        average: moving average of the generator's weights: the one to draw with.
    """

    def __init__(
        self, encoder: nn.Module, mapping: Mapping, generator: StyleGenerator, judge: PictureJudge, *, steps: int,
        grown: tuple[float, float] = (0.25, 0.5), adversarial_share: float = 0.15, adversarial_weight: float = 0.02,
        r1: float = 1.0, style_noise: float = 0.1, averaging: float = 0.99,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.mapping, self.generator, self.judge = mapping, generator, judge
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self.steps, self.grown = steps, grown
        self.adversarial_from = round(max(grown[1], 1 - adversarial_share) * steps)
        self.adversarial_weight = adversarial_weight
        self.r1, self.style_noise, self.averaging = r1, style_noise, averaging
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.register_buffer("styles", torch.randn(_MOST_STYLES, generator.style))

    def side_at(self, step: int) -> int:
        """The resolution that is drawn at a step, pixels a side."""
        halvings = 2 - sum(step >= share * self.steps for share in self.grown)
        return max(8, self.generator.side // 2**halvings)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Reconstruction, the mapping's distance, and, once it is time, both sides of the adversarial game.

        Generator and discriminator are moved in the same step: each loss reaches its own side's parameters alone.
        """
        pictures, step = batch["input"], int(self.get_buffer("step"))
        side = self.side_at(step)
        styles = self.encoder(pictures)  # (B, D)
        redrawn = self.generator(styles + self.style_noise * torch.randn_like(styles), side=side)
        rebuilt = reconstruction(redrawn, F.avg_pool2d(pictures, pictures.shape[-1] // side))
        mapped = self.mapping(torch.randn(_MAPPED, self.mapping.size, device=pictures.device))
        apart = energy_distance(mapped, self._remembered(styles))
        out = {"loss": rebuilt + apart + self._nothing(), "rebuilt": rebuilt.detach(), "mapping": apart.detach()}
        if self._judging():
            drawn = self.generator(mapped[: max(2, len(pictures) // 2)].detach(), random_noise=True)
            fooled, told = self._game(pictures, torch.cat([redrawn, drawn]), step)
            out["loss"] = out["loss"] + self.adversarial_weight * fooled + told
            out |= {"fooled": fooled.detach(), "told": told.detach()}
        return out | {"side": torch.tensor(float(side))}

    def after_step(self) -> None:
        """Move the average generator and the mean style."""
        step: Tensor = self.get_buffer("step")
        step += 1
        update_average(self.average, self.generator, min(self.averaging, (1 + int(step)) / (10 + int(step))))
        for one in (self.generator, self.average):
            one.get_buffer("mean_style").copy_(self.get_buffer("styles").mean(0))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Adam for each side; the discriminator, whose rates are not equalised, is slower, and still at first."""
        drawing = [*self.generator.parameters(), *self.mapping.parameters()]
        return [
            ParameterGroup(drawing, "adam"),
            ParameterGroup(list(self.judge.parameters()), "adam", rate=0.2, active=self._judging),
        ]

    def _judging(self) -> bool:
        return int(self.get_buffer("step")) >= self.adversarial_from and self.adversarial_weight > 0

    def _nothing(self) -> Tensor:
        """0 of every parameter: processes that train together want each to have a gradient at every step."""
        return 0 * sum((p.sum() for p in self.parameters() if p.requires_grad), torch.zeros(()))

    def _game(self, real: Tensor, made: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """The generator's and the discriminator's loss."""
        self.judge.requires_grad_(False)
        fooled = logistic(self.judge(made), real=True)
        self.judge.requires_grad_(True)
        penalised = step % 8 == 0 and self.r1 > 0
        real = real.detach().requires_grad_(penalised)
        scores = self.judge(real)
        told = logistic(scores, real=True) + logistic(self.judge(made.detach()), real=False)
        if penalised:
            told = told + 8 * self.r1 / 2 * r1_penalty(scores, real)
        return fooled, told

    def _remembered(self, styles: Tensor) -> Tensor:
        """The last styles that pictures had, the batch's among them; kept for the next steps."""
        kept: Tensor = self.get_buffer("styles")
        kept.copy_(torch.cat([styles, kept])[:_MOST_STYLES])
        at = torch.randperm(_MOST_STYLES, device=kept.device)[: 2 * _MAPPED]
        return kept[at].clone()


def reconstruction(made: Tensor, pictures: Tensor) -> Tensor:
    """Mean absolute error of the pixels, of their means over 2×2 and 4×4, and of the slopes along both axes."""
    error = made - pictures  # (B, 3, H, W)
    loss = error.abs().mean()
    loss = (
        loss + (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    )
    for _ in range(2):
        error = F.avg_pool2d(error, 2)
        loss = loss + error.abs().mean()
    return loss
