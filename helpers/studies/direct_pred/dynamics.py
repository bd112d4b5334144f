r"""The paper's theory: how the eigenvalues of predictor and representation move in a linear network, and measured.

Tian, Chen & Ganguli 2021, §3. Online network W, predictor W_p and target W_a are matrices; the data are x ~ N(0, I) and
the views x + σ·noise, so that the views' mean covariance is I and the augmentation's is σ²I. On

.. math:: J = \tfrac12\,\mathbb E\,\|W_p W x_1 - \mathrm{sg}(W_a x_2)\|^2

with weight decay η, gradient flow keeps the shared eigenvectors of F = W Wᵀ and a symmetric W_p, and each eigen-mode
(p_j of W_p, s_j of F, τ_j = target / online) moves by itself:

.. math::
    \dot p_j = \alpha_p s_j\,[\tau_j-(1+\sigma^2)p_j]-\eta p_j,\quad
    \dot s_j = 2p_js_j\,[\tau_j-(1+\sigma^2)p_j]-2\eta s_j,\quad
    \dot\tau_j = \beta(1-\tau_j)-\tau_j\dot s_j/(2s_j)

The paper writes one τ for all modes; one for each is what the same derivation gives without that assumption. It
follows that :math:`s_j-p_j^2/\alpha_p` decays as :math:`e^{-2\eta t}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from helpers.errors import StudyError


@dataclass(frozen=True)
class LinearSetting:
    """A linear network's training, in units of gradient flow (time = learning rate × steps).

    Attributes:
        noise: σ ≥ 0, standard deviation of the augmentation; the data's is 1.
        weight_decay: η ≥ 0.
        predictor_rate: α_p > 0, learning rate of the predictor relative to the network's.
        ema_rate: β > 0, rate at which the target follows; None: the target is the network itself (τ = 1).
    """

    noise: float = 0.3
    weight_decay: float = 0.1
    predictor_rate: float = 1.0
    ema_rate: float | None = 2.0

    def __post_init__(self) -> None:
        if self.noise < 0 or self.weight_decay < 0 or self.predictor_rate <= 0:
            raise StudyError(
                f"noise ({self.noise}) and weight_decay ({self.weight_decay}) must be >= 0, predictor_rate "
                f"({self.predictor_rate}) > 0"
            )


@dataclass(frozen=True)
class Modes:
    """Eigen-modes over time: predictor p, representation s, target/online τ, (times, modes) each; times (times,)."""

    times: np.ndarray
    p: np.ndarray
    s: np.ndarray
    tau: np.ndarray


def rates(
    p: np.ndarray, s: np.ndarray, tau: np.ndarray, setting: LinearSetting
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right-hand sides of the three state equations, (modes,) each."""
    pull = tau - (1 + setting.noise**2) * p
    eta = setting.weight_decay
    dp = setting.predictor_rate * s * pull - eta * p
    relative = 2 * p * pull - 2 * eta  # ds / s
    dtau = np.zeros_like(tau)
    if setting.ema_rate is not None:
        dtau = setting.ema_rate * (1 - tau) - tau * relative / 2
    return dp, s * relative, dtau


def closed_form(p: np.ndarray, s: np.ndarray, times: np.ndarray, setting: LinearSetting) -> Modes:
    """Solve the state equations from p, s and τ = 1.

    Args:
        p, s: start values, (modes,), s > 0.
        times: increasing, starting at 0, in units of gradient flow.
        setting: of the training.
    """
    from scipy.integrate import solve_ivp

    n = len(p)

    def flow(_time: float, y: np.ndarray) -> np.ndarray:
        return np.concatenate(rates(y[:n], y[n : 2 * n], y[2 * n :], setting))

    start = np.concatenate([p, s, np.ones(n)])
    found = solve_ivp(flow, (times[0], times[-1]), start, t_eval=times, rtol=1e-8, atol=1e-10, method="LSODA")
    y = found.y.T
    return Modes(times, y[:, :n], y[:, n : 2 * n], y[:, 2 * n :])


def fixed_points(setting: LinearSetting) -> tuple[float, float] | None:
    """Unstable and stable non-zero p where s = p²/α_p and τ = 1; None where weight decay leaves only collapse.

    A mode that starts below the unstable one decays to 0: p± = (1 ± √(1 − 4η(1+σ²))) / (2(1+σ²)).
    """
    spread = 1 + setting.noise**2
    root = 1 - 4 * setting.weight_decay * spread
    if root < 0:
        return None
    return (1 - root**0.5) / (2 * spread), (1 + root**0.5) / (2 * spread)


def measure(
    p: np.ndarray,
    s: np.ndarray,
    setting: LinearSetting,
    *,
    duration: float,
    learning_rate: float = 0.02,
    batch: int = 512,
    predictor: bool = True,
    stop_gradient: bool = True,
    seed: int = 0,
) -> Modes:
    """Train a linear network by SGD on sampled views and measure its modes.

    Args:
        p, s: start values of the eigenvalues, (modes,); their eigenvectors are random and shared.
        setting: of the training.
        duration: learning rate × steps.
        learning_rate: of the network; small, so that SGD follows gradient flow.
        batch: samples a step.
        predictor: False leaves it out (W_p = I throughout).
        stop_gradient: False lets the gradient flow through the target too; there is no moving average then.
        seed: of eigenvectors and samples.

    Returns:
        s_j = u_jᵀ F u_j, p_j = u_jᵀ W_p u_j and τ_j = u_jᵀ W_a Wᵀ u_j / s_j in the start's eigenvectors u_j, at about
        a hundred times.
    """
    n = len(p)
    generator = torch.Generator().manual_seed(seed)
    u = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.double))[0]
    v = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.double))[0]
    w = (u * torch.as_tensor(s).double().sqrt()) @ v.mT
    w_p = (u * torch.as_tensor(p).double()) @ u.mT if predictor else torch.eye(n, dtype=torch.double)
    w.requires_grad_()
    w_p.requires_grad_(predictor)
    target = w.detach().clone()
    steps = max(1, round(duration / learning_rate))
    every = max(1, steps // 100)
    times: list[float] = []
    seen: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for step in range(steps + 1):
        if step % every == 0:
            times.append(step * learning_rate)
            seen.append(_modes(u, w.detach(), w_p.detach(), target))
        x = torch.randn(n, batch, generator=generator, dtype=torch.double)
        noise = torch.randn(2, n, batch, generator=generator, dtype=torch.double) * setting.noise
        aim = target @ (x + noise[1]) if stop_gradient else w @ (x + noise[1])
        loss = (w_p @ w @ (x + noise[0]) - aim).square().sum() / (2 * batch)
        parameters = [w, w_p] if predictor else [w]
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            w -= learning_rate * (gradients[0] + setting.weight_decay * w)
            if predictor:
                symmetric = (gradients[1] + gradients[1].mT) / 2
                w_p -= learning_rate * (setting.predictor_rate * symmetric + setting.weight_decay * w_p)
            if setting.ema_rate is None or not stop_gradient:
                target.copy_(w)
            else:
                target += learning_rate * setting.ema_rate * (w - target)
    p_seen, s_seen, tau_seen = (torch.stack(list(values)).numpy() for values in zip(*seen, strict=True))
    return Modes(np.array(times), p_seen, s_seen, tau_seen)


def _modes(
    u: torch.Tensor, w: torch.Tensor, w_p: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    s = (u * (w @ w.mT @ u)).sum(0)
    tau = (u * (target @ w.mT @ u)).sum(0) / s.clamp(min=1e-12)
    return (u * (w_p @ u)).sum(0), s, tau
