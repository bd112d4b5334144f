"""One of two gloo processes that update DirectPred's F together, in a module that is quick to import."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from helpers.methods.direct_pred import Arm, DirectPred
from helpers.views.images import ImageViews


def small_method() -> DirectPred:
    torch.manual_seed(0)
    return DirectPred(nn.Linear(4, 4), 4, ImageViews(8), Arm("direct_pred"), hidden=4, projection=6)


def take_step(method: DirectPred, projections: Tensor) -> None:
    """What a training step leaves for `after_step`, and `after_step`."""
    method._batch_moment.append(projections.mT @ projections / len(projections))
    method.after_step()


def one_process(rank: int, world: int, meeting_file: str, out: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting_file}", rank=rank, world_size=world)
    method = small_method()
    f = torch.randn(12, 6, generator=torch.Generator().manual_seed(3))
    take_step(method, f.chunk(world)[rank])
    torch.save({"moment": method.moment, "weight": method.predictor.weight}, f"{out}{rank}.pt")
    dist.destroy_process_group()
