"""One of two gloo processes that train each method together, in a module that is quick to import."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from helpers.methods.barlow_twins import BarlowTwins
from helpers.methods.byol import BYOL
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.methods.deep_cluster import DeepClusterV2
from helpers.methods.deep_emo_cluster import DeepEmoCluster
from helpers.methods.direct_pred import Arm, DirectPred
from helpers.methods.method import Method
from helpers.methods.moco import MoCo
from helpers.methods.nnclr import NNCLR
from helpers.methods.simclr import SimCLR
from helpers.methods.ssole import SSOLE, NaiveOLE
from helpers.methods.supcon import SupCon
from helpers.methods.swav import SwAV
from helpers.methods.vicreg import VICReg
from helpers.views.images import ImageViews

SAMPLES = 12


class FixedCrops:
    """Multi-crop without chance: two large crops and one small one, the same for every batch."""

    counts = (2, 1)

    def __call__(self, images: Tensor) -> list[list[Tensor]]:
        return [[images, images.flip(-1)], [images[..., ::2].repeat_interleave(2, -1)]]


def _unchanged(images: Tensor) -> Tensor:
    return images


def _mirrored(images: Tensor) -> Tensor:
    return images.flip(-1)


VIEWS = (_unchanged, _mirrored)
THREE = (_unchanged, _mirrored, torch.square)
SIZES = {"hidden": 8, "projection": 6}
CROPS = FixedCrops()

METHODS: dict[str, Callable[[nn.Module], Method]] = {
    "direct_pred": lambda e: DirectPred(e, 8, ImageViews(4, rotation=0, **_STILL), Arm("direct_pred"), **SIZES),
    "simclr": lambda e: SimCLR(e, 8, THREE, **SIZES),
    "nnclr": lambda e: NNCLR(e, 8, VIEWS, queue=16, **SIZES),
    "byol": lambda e: BYOL(e, 8, THREE, momentum=0.9, steps=10, **SIZES),
    "barlow_twins": lambda e: BarlowTwins(e, 8, THREE, **SIZES),
    "vicreg": lambda e: VICReg(e, 8, THREE, **SIZES),
    "swav": lambda e: SwAV(e, 8, CROPS, prototypes=5, queue=12, frozen_epochs=0, **SIZES),  # type: ignore[arg-type]
    "deep_cluster": lambda e: DeepClusterV2(e, 8, CROPS, SAMPLES, (3, 4), **SIZES),  # type: ignore[arg-type]
    "moco": lambda e: MoCo(e, 8, VIEWS, momentum=0.9, queue=16, **SIZES),
    "supcon": lambda e: SupCon(e, 8, VIEWS, **SIZES),
    "ssole": lambda e: SSOLE(e, 8, THREE, **SIZES),
    "naive_ole": lambda e: NaiveOLE(e, 8, THREE, **SIZES),
    "regressor": lambda e: ChunkRegressor(_featured(e), 2, SAMPLES),
    "deep_emo_cluster": lambda e: DeepEmoCluster(_featured(e), 2, SAMPLES, clusters=3),
}
_STILL = {
    "crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0), "flip": 0.0, "jitter": 0.0, "gray": 0.0, "blur": 0.0,
}  # fmt: skip


def _featured(encoder: Any) -> Any:
    """The encoder, saying how large its embedding is."""
    encoder.features = 8
    return encoder


def small_method(name: str) -> Method:
    """A method with a linear encoder, in float64, the same at every call."""
    torch.manual_seed(0)
    return METHODS[name](nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh())).double()


def images() -> tuple[Tensor, Tensor]:
    """Images (12, 1, 4, 4) in [0, 1] and their labels, some unknown."""
    source = torch.Generator().manual_seed(3)
    return torch.rand(SAMPLES, 1, 4, 4, generator=source, dtype=torch.float64), torch.arange(SAMPLES) % 4 - 1


def taught(name: str, rank: int = 0, world: int = 1) -> dict[str, Tensor]:
    """Gradients of three steps and the state after them, of this process's share of one batch.

    Batch norms run on fixed statistics: those of a process's own share differ from the batch's, whatever the method.
    """
    method = small_method(name)
    method.train()
    for module in method.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()
    x, labels = images()
    torch.manual_seed(1)  # as the training loop does before an epoch, alike in all processes
    with torch.no_grad():
        method.on_epoch_start(method.encoder(x) if method.wants_features() else None)
    share = torch.arange(SAMPLES).chunk(world)[rank]
    wrapped = nn.parallel.DistributedDataParallel(method) if world > 1 else method
    optimiser = torch.optim.SGD(method.parameters(), 0.1)
    found: dict[str, Tensor] = {}
    for step in range(3):
        optimiser.zero_grad()
        rated = torch.stack([x.mean((1, 2, 3)), labels.double()], dim=1)  # (12, 2)
        out = wrapped(
            {"input": x[share] ** (step + 1), "label": labels[share], "position": share, "target": rated[share]}
        )
        out["loss"].backward()
        found |= {f"{step} {n}": p.grad.clone() for n, p in method.named_parameters() if p.grad is not None}
        optimiser.step()
        method.after_step()
    return found | {f"state {n}": t.clone() for n, t in method.state_dict().items()}


def one_process(rank: int, world: int, meeting_file: str, out: str) -> None:
    """Teach every method in turn, and write what came of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting_file}", rank=rank, world_size=world)
    torch.save({name: taught(name, rank, world) for name in METHODS}, f"{out}{rank}.pt")
    dist.destroy_process_group()
