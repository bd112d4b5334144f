"""Drawn people who walk, jog, run, box, wave and clap: videos with an exact action for every frame.

The actions are those of KTH (Schuldt, Laptev & Caputo, ICPR 2004). A person is a skeleton of twelve limbs in three
dimensions whose joint angles are periodic functions of a phase; a camera looks at it from one side and the limbs are
painted as soft capsules, far ones first. Two *worlds* differ in everything but the actions: camera height and side,
clothes, background, size, noise, sway.

Within a video the action changes now and then: from each frame to the next with probability q to one of the other
actions, all alike. After k frames the action is the same with probability

    P(same | k) = 1/C + (1 − 1/C)·(1 − q·C/(C − 1))^k,

which is what :func:`same_action_probability` gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from helpers.errors import StudyError

ACTIONS = ("walk", "jog", "run", "box", "wave", "clap")
FRAME_RATE = 12.5  # frames a second
GENERATOR = "actions:1"  # name and version: change it and every cached world is drawn anew

# Columns: walk, jog, run, box, wave, clap. Angles in radians, rates in cycles a second, lengths in body heights.
_RATE = torch.tensor([0.90, 1.30, 1.65, 1.40, 0.80, 1.20])
_SPEED = torch.tensor([0.55, 0.95, 1.60, 0.0, 0.0, 0.0])  # body heights a second
_HIP = torch.tensor([0.42, 0.52, 0.85, 0.06, 0.0, 0.0])  # swing of the thigh
_KNEE = torch.tensor([0.75, 1.30, 1.90, 0.10, 0.0, 0.0])  # bend while the leg swings forward
_STANCE = torch.tensor([0.05, 0.15, 0.25, 0.20, 0.03, 0.03])  # bend at rest
_LEAN = torch.tensor([0.03, 0.10, 0.26, 0.06, 0.0, 0.0])
_BOB = torch.tensor([0.012, 0.030, 0.045, 0.015, 0.004, 0.004])

# Skeleton: lengths and radii in body heights (after Drillis & Contini's segment proportions, 1966, rounded).
_TORSO, _NECK, _UPPER_ARM, _FOREARM, _THIGH, _SHIN, _FOOT = 0.29, 0.10, 0.17, 0.19, 0.245, 0.245, 0.09
_SHOULDER, _HIP_WIDTH = 0.115, 0.06  # half widths
_RADII = torch.tensor([0.085, 0.068, 0.034, 0.028, 0.034, 0.028, 0.055, 0.040, 0.055, 0.040, 0.026, 0.026])
_PARTS = (
    "torso",
    "head",
    "upper arm",
    "forearm",
    "upper arm",
    "forearm",
    "thigh",
    "shin",
    "thigh",
    "shin",
    "foot",
    "foot",
)


@dataclass(frozen=True)
class World:
    """What a world's people, cameras and places look like; each pair is a uniform range.

    Attributes:
        yaw: of the camera from side-on, degrees (0 side, 90 front); the sign is drawn too.
        height: of the person, share of the frame.
        clothes: brightness of shirt and trousers in [0, 1]; their saturation follows ``colour``.
        colour: saturation of clothes and background in [0, 1].
        texture: contrast of the background's pattern in [0, 1].
        sway: of the camera, share of the frame (standard deviation).
        noise: standard deviation of pixel noise, in [0, 1].
        flicker: standard deviation of the frame's brightness.
    """

    yaw: tuple[float, float]
    height: tuple[float, float]
    clothes: tuple[float, float]
    colour: tuple[float, float]
    texture: tuple[float, float]
    sway: float
    noise: float
    flicker: float


WORLDS = {
    "studio": World((20, 50), (0.66, 0.80), (0.05, 0.45), (0.0, 0.5), (0.0, 0.12), 0.0, 0.015, 0.0),
    "street": World((35, 70), (0.58, 0.74), (0.30, 0.95), (0.3, 1.0), (0.1, 0.3), 0.006, 0.02, 0.01),
}


@dataclass(frozen=True)
class DrawnVideos:
    """A drawn world.

    Attributes:
        frames: uint8 (videos, frames, 3, size, size).
        actions: int64 (videos, frames), positions in :data:`ACTIONS`.
        person: int64 (videos,), who is seen.
        change: q, the chance of another action from one frame to the next.
    """

    frames: Tensor
    actions: Tensor
    person: Tensor
    change: float


def same_action_probability(frames: np.ndarray | float, change: float, actions: int = len(ACTIONS)) -> np.ndarray:
    """P(same | k): chance that the action ``frames`` frames later is the same one, in [1/C, 1].

    Args:
        frames: k >= 0, any shape.
        change: q in [0, 1 − 1/C], chance of another action from one frame to the next.
        actions: C >= 2.
    """
    stay = 1 - change * actions / (actions - 1)
    return 1 / actions + (1 - 1 / actions) * stay ** np.asarray(frames, dtype=float)


def draw_videos(
    world: str, people: int, videos_each: int, frames: int, size: int, change_rate: float, seed: int
) -> DrawnVideos:
    """Draw a world; the same arguments give the same pixels.

    Args:
        world: a key of :data:`WORLDS`.
        people: persons, >= 1; each has one body, gait and skin, and new clothes, camera and place in every video.
        videos_each: videos a person, >= 1.
        frames: of each video, >= 1, at :data:`FRAME_RATE`.
        size: side of a frame, pixels, >= 8.
        change_rate: changes of action a second, >= 0; 0 keeps one action a video.
        seed: of everything drawn.

    Raises:
        StudyError: an unknown world, or a number out of range.
    """
    if world not in WORLDS:
        raise StudyError(f"no drawn world is called {world!r}; there are: {', '.join(WORLDS)}")
    if min(people, videos_each, frames) < 1 or size < 8:
        raise StudyError(
            f"drawn actions need people ({people}), videos ({videos_each}), frames ({frames}) >= 1, size ({size}) >= 8"
        )
    change = 1 - math.exp(-change_rate / FRAME_RATE)
    if change_rate < 0 or change > 1 - 1 / len(ACTIONS):
        raise StudyError(f"change_rate is {change_rate} a second; it must be in [0, {FRAME_RATE * math.log(6):.0f}]")
    draw = _Draw(torch.Generator().manual_seed(seed), WORLDS[world])
    person = torch.arange(people).repeat_interleave(videos_each)
    body = draw.body(people)
    videos = len(person)
    actions = draw.action_chain(videos, frames, change)
    pixels = torch.empty(videos, frames, 3, size, size, dtype=torch.uint8)
    for i in range(videos):
        limbs = draw.limbs(actions[i], body[person[i]])
        pixels[i] = draw.painted(limbs, body[person[i]], size)
    return DrawnVideos(pixels, actions, person, change)


class _Draw:
    """One generator of randomness and the world it draws from."""

    def __init__(self, generator: torch.Generator, world: World) -> None:
        self.generator, self.world = generator, world

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def body(self, people: int) -> Tensor:
        """(people, 6): rate, amplitude and speed factors, girth, height within the world's range, skin brightness."""
        factors = torch.exp(0.08 * self.normal(people, 3))
        rest = torch.stack([self.uniform(0.85, 1.25, people), self.uniform(*self.world.height, people)], dim=1)
        return torch.cat([factors, rest, self.uniform(0.35, 0.85, people, 1)], dim=1)

    def action_chain(self, videos: int, frames: int, change: float) -> Tensor:
        """Actions frame by frame (videos, frames): they change with probability ``change``, to any other alike."""
        steps = torch.randint(1, len(ACTIONS), (videos, frames), generator=self.generator)
        steps = steps * (torch.rand(videos, frames, generator=self.generator) < change)
        steps[:, 0] = torch.randperm(videos, generator=self.generator)  # every action opens as many videos
        return steps.cumsum(dim=1) % len(ACTIONS)

    def limbs(self, actions: Tensor, body: Tensor) -> Tensor:
        """Limbs of one video seen by its camera: (frames, 12, 2 ends, 3), across, up and towards the camera."""
        weight = _smoothed(torch.nn.functional.one_hot(actions, len(ACTIONS)).float())  # (F, C)
        phase = self._phase(weight, body)
        points = skeleton(weight, phase, float(body[1]))  # (F, 12, 2, 3)
        across, facing = self._path(weight, body)
        yaw = math.radians(float(self.uniform(*self.world.yaw, 1))) * (
            1 if torch.rand(1, generator=self.generator) < 0.5 else -1
        )
        x, y, z = points[..., 0] * facing[:, None, None], points[..., 1], points[..., 2]
        u = x * math.cos(yaw) + z * math.sin(yaw) + across[:, None, None] * math.cos(yaw)
        return torch.stack([u, y, z * math.cos(yaw) - x * math.sin(yaw)], dim=-1)

    def _phase(self, weight: Tensor, body: Tensor) -> Tensor:
        rate = (weight @ _RATE) * body[0] / FRAME_RATE  # cycles a frame
        return 2 * math.pi * (rate.cumsum(0) + torch.rand(1, generator=self.generator))  # (F,)

    def _path(self, weight: Tensor, body: Tensor) -> tuple[Tensor, Tensor]:
        """Place across the frame, body heights (F,), and direction faced (F,); at the edge people turn round."""
        reach = max(0.05, 0.5 / float(body[4]) - 0.28)
        travelled = ((weight @ _SPEED) * body[2] / FRAME_RATE).cumsum(0) + self.uniform(0, 4 * reach, 1)
        lap = travelled % (4 * reach)
        forward = lap < 2 * reach
        return torch.where(forward, lap - reach, 3 * reach - lap), forward.float() * 2 - 1

    def painted(self, limbs: Tensor, body: Tensor, size: int) -> Tensor:
        """Pixels of one video, uint8 (frames, 3, size, size)."""
        frames = len(limbs)
        scale = float(body[4]) * size  # pixels a body height
        sway = _smoothed(self.normal(frames, 2), 7) * self.world.sway * size * 2.5
        ground = size * float(self.uniform(0.90, 0.97, 1))
        ends = torch.stack([size / 2 + limbs[..., 0] * scale, ground - limbs[..., 1] * scale], dim=-1)  # (F, 12, 2, xy)
        ends = ends + sway[:, None, None]
        radius = _RADII * float(body[3]) * scale
        colours = self._colours(float(body[5]))  # (12, 3)
        image = self._background(size)[None].repeat(frames, 1, 1, 1)  # (F, 3, H, W)
        order = limbs[..., 2].mean(dim=2).argsort(dim=1)  # far first, (F, 12)
        cover = capsule_cover(ends, radius, size)  # (F, 12, H, W)
        each = torch.arange(frames)
        for rank in range(cover.shape[1]):
            part = order[:, rank]
            alpha = cover[each, part][:, None]
            image = image + alpha * (colours[part][:, :, None, None] - image)
        image = image + self.world.noise * self.normal(*image.shape)
        image = image + self.world.flicker * self.normal(frames, 1, 1, 1)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8)

    def _tint(self, brightness: Tensor) -> Tensor:
        """A colour of about this brightness, (3,)."""
        hue = torch.rand(3, generator=self.generator) - 0.5
        return (brightness + 0.6 * self.uniform(*self.world.colour, 1) * hue).clamp(0, 1)

    def _colours(self, skin: float) -> Tensor:
        shirt, trousers = (self._tint(self.uniform(*self.world.clothes, 1)) for _ in range(2))
        flesh = skin * torch.tensor([1.0, 0.82, 0.70])
        of = {"torso": shirt, "head": flesh, "upper arm": shirt, "forearm": flesh, "thigh": trousers,
              "shin": trousers * 0.92, "foot": trousers * 0.4}  # fmt: skip
        return torch.stack([of[part] for part in _PARTS])

    def _background(self, size: int) -> Tensor:
        """A floor and a wall with a smooth pattern, (3, size, size)."""
        wall, floor = self._tint(self.uniform(0.45, 0.95, 1)), self._tint(self.uniform(0.3, 0.8, 1))
        horizon = float(self.uniform(0.7, 0.9, 1)) * size
        below = torch.sigmoid(torch.arange(size) + 0.5 - horizon)[None, :, None]
        plain = wall[:, None, None] * (1 - below) + floor[:, None, None] * below
        coarse = self.normal(1, 1, 6, 6) + float(self.uniform(*self.world.colour, 1)) * 0.5 * self.normal(1, 3, 6, 6)
        pattern = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")[0]
        return (plain + 0.5 * self.uniform(*self.world.texture, 1) * pattern).clamp(0, 1)


def skeleton(weight: Tensor, phase: Tensor, amplitude: float = 1.0) -> Tensor:
    """A person's limbs in body heights; x forward, y up (0 at the ground), z to the person's right.

    Args:
        weight: mixture of the actions, (F, 6), rows summing to 1.
        phase: of the movement, radians (F,).
        amplitude: factor on all swings, > 0.

    Returns:
        Both ends of torso, head, upper arm, forearm, upper arm, forearm, thigh, shin, thigh, shin, foot, foot (right
        before left), (F, 12, 2, 3).
    """
    lean = weight @ _LEAN
    bob = (weight @ _BOB) * (2 * phase).cos()
    legs = [_leg(weight, phase + side, amplitude) for side in (0.0, math.pi)]
    reach = torch.stack([-(legs[0][0] + legs[0][1])[:, 1], -(legs[1][0] + legs[1][1])[:, 1]]).amax(0)
    pelvis = torch.stack([torch.zeros_like(bob), reach + 0.03 + bob, torch.zeros_like(bob)], dim=1)  # (F, 3)
    up = torch.stack([lean.sin(), lean.cos(), torch.zeros_like(lean)], dim=1)
    neck = pelvis + _TORSO * up
    limbs = [(pelvis, neck), (neck + _NECK * up, neck + (_NECK + 0.02) * up)]
    for sign, side in ((1.0, math.pi), (-1.0, 0.0)):  # arms swing against the legs
        shoulder = neck + torch.tensor([0.0, -0.02, sign * _SHOULDER])
        upper, fore = _arm(weight, phase + side, sign, amplitude)
        limbs += [(shoulder, shoulder + upper), (shoulder + upper, shoulder + upper + fore)]
    feet = []
    for sign, (thigh, shin, toe) in ((1.0, legs[0]), (-1.0, legs[1])):
        hip = pelvis + torch.tensor([0.0, 0.0, sign * _HIP_WIDTH])
        limbs += [(hip, hip + thigh), (hip + thigh, hip + thigh + shin)]
        feet.append((hip + thigh + shin, hip + thigh + shin + toe))
    return torch.stack([torch.stack(ends, dim=1) for ends in limbs + feet], dim=1)


def _leg(weight: Tensor, phase: Tensor, amplitude: float) -> tuple[Tensor, Tensor, Tensor]:
    """Thigh, shin and foot as vectors, (F, 3) each."""
    swing = (weight @ _HIP) * amplitude * phase.sin() + 0.3 * (weight @ _STANCE)
    bend = (weight @ _STANCE) + (weight @ _KNEE) * amplitude * phase.cos().clamp(min=0)
    ankle = swing - bend + math.pi / 2 - 0.1
    return _THIGH * _down(swing), _SHIN * _down(swing - bend), _FOOT * _down(ankle)


def _arm(weight: Tensor, phase: Tensor, sign: float, amplitude: float) -> tuple[Tensor, Tensor]:
    """Upper arm and forearm as vectors, (F, 3) each; ``sign`` is +1 on the right."""
    wave, beat = phase.sin(), (1 - phase.cos()) / 2
    shift = 0.0 if sign > 0 else math.pi  # waving and clapping arms move together: undo the swing's shift
    together = (1 - (phase - math.pi + shift).cos()) / 2
    one, zero = torch.ones_like(phase), torch.zeros_like(phase)
    punch = beat**2
    flexion = torch.stack([0.40 * amplitude * wave, 0.55 * amplitude * wave, 0.95 * amplitude * wave,
                           0.45 + 1.05 * punch, zero, 1.30 * one], dim=1)  # fmt: skip
    elbow = torch.stack([0.25 * one, 1.35 * one, 1.70 * one, 2.30 * (1 - punch) + 0.05, zero, 0.15 * one], dim=1)
    spread = torch.stack([0.06 * one, 0.12 * one, 0.15 * one, 0.10 * one, zero, 1.75 * together - 0.22], dim=1)
    lift = torch.stack([zero, zero, zero, zero, 0.25 + 2.55 * together, zero], dim=1)  # sideways, over the head
    bend, forward = (weight * elbow).sum(1), (weight * flexion).sum(1)
    out, up = (weight * spread).sum(1), (weight * lift).sum(1)
    upper, fore = _down(forward), _down(forward + bend)
    return _UPPER_ARM * _aside(upper, out, up, sign), _FOREARM * _aside(fore, out, up * 1.08, sign)


def _down(angle: Tensor) -> Tensor:
    """Unit vectors (F, 3) that hang down at angle 0 and point forward at π/2."""
    return torch.stack([angle.sin(), -angle.cos(), torch.zeros_like(angle)], dim=1)


def _aside(vector: Tensor, out: Tensor, up: Tensor, sign: float) -> Tensor:
    """Turn vectors (F, 3) outwards about the vertical axis by ``out`` and about the forward axis by ``up``."""
    x, y = vector[:, 0], vector[:, 1]
    lifted = torch.stack([x, y * up.cos(), -sign * y * up.sin()], dim=1)
    x, y, z = lifted.unbind(1)
    return torch.stack([x * out.cos(), y, z + sign * x * out.sin()], dim=1)


def capsule_cover(ends: Tensor, radius: Tensor, size: int) -> Tensor:
    """How much of each pixel a capsule covers: 1 inside, 0 outside, a ramp one pixel wide at the edge.

    Args:
        ends: both ends of each capsule, pixels, (F, K, 2, 2) as (x, y).
        radius: pixels, (K,).
        size: side of the frame.

    Returns:
        (F, K, size, size) in [0, 1].
    """
    start, along = ends[..., 0, :], ends[..., 1, :] - ends[..., 0, :]  # (F, K, 2)
    length = along.square().sum(-1).clamp(min=1e-6)
    pixel = torch.arange(size) + 0.5
    dx = pixel[None, None, None, :] - start[..., 0, None, None]  # (F, K, 1, W)
    dy = pixel[None, None, :, None] - start[..., 1, None, None]  # (F, K, H, 1)
    ax, ay = along[..., 0, None, None], along[..., 1, None, None]
    t = ((dx * ax + dy * ay) / length[..., None, None]).clamp(0, 1)  # (F, K, H, W)
    distance = ((dx - t * ax).square() + (dy - t * ay).square()).sqrt()
    return (radius[None, :, None, None] + 0.5 - distance).clamp(0, 1)


def _smoothed(signal: Tensor, width: int = 5) -> Tensor:
    """Moving average over time of (F, C), ends repeated."""
    padded = torch.cat([signal[:1].repeat(width // 2, 1), signal, signal[-1:].repeat(width // 2, 1)])
    return padded.unfold(0, width, 1).mean(dim=-1)
