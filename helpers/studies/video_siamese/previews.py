"""Clips as a notebook shows them: moving previews and strips, as small WebP pictures inside HTML."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from helpers.data.corpus import Corpus
from helpers.data.simulated.actions import FRAME_RATE


@dataclass(frozen=True)
class Gallery:
    """Rows of pictures with captions; everything shown is escaped."""

    caption: str
    rows: tuple[tuple[str, bytes, str], ...]  # words, WebP, words for those who cannot see it

    def _repr_html_(self) -> str:
        body = "".join(
            f'<tr><td style="text-align:left">{html.escape(words)}</td><td><img alt="{html.escape(alt, quote=True)}" '
            f'src="data:image/webp;base64,{base64.b64encode(drawn).decode()}"></td></tr>'
            for words, drawn, alt in self.rows
        )
        return f"<table><caption>{html.escape(self.caption)}</caption><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        return "\n".join([self.caption, *(f"  {words}: {alt}" for words, _, alt in self.rows)])


def clips_of(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Clips (B, 3, T, H, W) of a corpus whose load gives one tensor."""
    clips = corpus.load(rows)
    if isinstance(clips, dict):
        raise TypeError("a corpus of clips loads one tensor")
    return clips


def strip(clip: Tensor, height: int = 64) -> bytes:
    """The frames of a clip (3, T, H, W) side by side, as a WebP picture."""
    pixels = (clip.permute(2, 1, 3, 0) * 255).round().byte().flatten(1, 2).numpy()  # (H, T·W, 3)
    return _webp([pixels], height)


def moving(clips: Tensor, stride: int, height: int = 72) -> bytes:
    """Clips (B, 3, T, H, W) side by side, playing again and again at their true speed, as an animated WebP."""
    frames = (clips.permute(2, 3, 0, 4, 1) * 255).round().byte().flatten(2, 3).numpy()  # (T, H, B·W, 3)
    return _webp(list(frames), height, milliseconds=round(1000 * stride / FRAME_RATE))


def _webp(frames: list[np.ndarray], height: int, milliseconds: int = 0) -> bytes:
    from PIL import Image

    scale = height / frames[0].shape[0]
    size = (round(frames[0].shape[1] * scale), height)
    images = [Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC) for frame in frames]
    drawn = io.BytesIO()
    more = (
        {"save_all": True, "append_images": images[1:], "duration": milliseconds, "loop": 0} if len(images) > 1 else {}
    )
    images[0].save(drawn, format="WEBP", quality=35, method=4, **more)
    return drawn.getvalue()


def one_of_each(corpus: Corpus, rows: np.ndarray, most: int = 6) -> np.ndarray:
    """The first clip of each of the first ``most`` classes, from different subjects where there are several."""
    table = corpus.table.iloc[rows]
    chosen: list[int] = []
    seen: set[str] = set()
    for label in sorted(table["label"].unique())[:most]:
        members = table[table["label"] == label]
        fresh = members[~members["subject"].isin(seen)]
        pick = (fresh if len(fresh) else members).index[0]
        seen.add(str(table.loc[pick, "subject"]))
        chosen.append(int(pick))
    return np.array(chosen)


def look(places: Sequence[tuple[Corpus, np.ndarray]], stride: int) -> Gallery:
    """For each corpus one moving picture with a clip of each class, and strips of two of them."""
    rows = []
    for corpus, labelled in places:
        chosen = one_of_each(corpus, labelled)
        clips, labels = clips_of(corpus, chosen), list(corpus.table["label"].iloc[chosen])
        rows.append(
            (f"{corpus.name}, playing", moving(clips, stride), f"moving clips, left to right: {', '.join(labels)}")
        )
        for i in np.linspace(0, len(chosen) - 1, min(2, len(chosen))).astype(int):
            rows.append((labels[i], strip(clips[i]), f"{clips.shape[2]} frames of one clip of {labels[i]}"))
    return Gallery("One clip of each class; below, frame by frame", tuple(rows))


def pair_strips(corpus: Corpus, pairs: Sequence[tuple[int, int, str, bool]]) -> Gallery:
    """Mined pairs as strips: (first row, second row, kind, what mining says)."""
    labels, rows = corpus.table["label"].to_numpy(), []
    for first, second, kind, same in pairs:
        clips = clips_of(corpus, np.array([first, second]))
        wrong = (labels[first] == labels[second]) != same
        words = f"{kind}: taken as {'same' if same else 'different'}, truth {labels[first]} / {labels[second]}"
        both = clips[:, :, ::2].transpose(0, 1).flatten(1, 2)  # (3, 2·T/2, H, W), one clip after the other
        rows.append((words + (" — wrong" if wrong else ""), strip(both, 56), f"first clip, then second: {words}"))
    return Gallery("Mined pairs with their truth (every second frame: first clip, then second)", tuple(rows))


def retrieval(corpus: Corpus, queries: np.ndarray, found: dict[str, np.ndarray]) -> Gallery:
    """For each query clip and each encoder the nearest training clips: middle frames, query first.

    Args:
        corpus: of clips.
        queries: rows, (Q,).
        found: encoder's name -> rows of the nearest training clips, (Q, k).
    """
    labels, rows = corpus.table["label"].to_numpy(), []
    for i, query in enumerate(queries):
        for name, nearest in found.items():
            shown = clips_of(corpus, np.concatenate([[query], nearest[i]]))
            half = shown.shape[2] // 2
            pictures = shown[:, :, [half - 2, half + 1]].transpose(0, 1).flatten(1, 2)  # two frames of each
            hits = int((labels[nearest[i]] == labels[query]).sum())
            words = f"{labels[query]}, {name}: {hits} of {len(nearest[i])} right"
            rows.append((words, strip(pictures, 56), f"query, then {', '.join(labels[nearest[i]])}"))
    return Gallery("Nearest training clips of test clips (two frames each; the first two are the query)", tuple(rows))
