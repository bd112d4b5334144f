"""Could a class be read off how a video was made, without looking at what it shows?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from helpers.data.corpus import Corpus

SEED = 0  # of the folds


def video_facts(corpus: Corpus, per_video: int = 2) -> pd.DataFrame:
    """One row a video: label, facts of its file, and of its frames as the encoder gets them.

    Args:
        corpus: of clips.
        per_video: clips of each video that the frames' facts are measured on.

    Returns:
        ``label``, ``width``, ``height``, ``rate``, ``kilobits``, ``bars``; ``seen_width``, ``seen_height`` (of the
        frames after preprocessing, pixels), ``brightness`` (mean, 0 to 1), ``detail`` (mean absolute difference of
        neighbouring pixels) and ``motion`` (mean absolute difference of successive frames).
    """
    table = corpus.table
    rows = table.groupby("group", sort=False).head(per_video).index.to_numpy()
    parts = []
    for start in range(0, len(rows), 64):
        clips = corpus.load(rows[start : start + 64])
        if isinstance(clips, dict):
            raise TypeError("a corpus of clips loads one tensor")
        size = torch.full((len(clips),), float(clips.shape[-1])), torch.full((len(clips),), float(clips.shape[-2]))
        across = (clips[..., 1:] - clips[..., :-1]).abs().mean(dim=(1, 2, 3, 4))
        over_time = (clips[:, :, 1:] - clips[:, :, :-1]).abs().mean(dim=(1, 2, 3, 4))
        parts.append(torch.stack([*size, clips.mean(dim=(1, 2, 3, 4)), across, over_time], dim=1))
    seen = pd.DataFrame(
        torch.cat(parts).numpy(), columns=["seen_width", "seen_height", "brightness", "detail", "motion"]
    )
    seen["group"] = table["group"].to_numpy()[rows]
    facts = table.groupby("group", sort=False)[["label", "width", "height", "rate", "kilobits", "bars"]].first()
    return facts.join(seen.groupby("group").mean())


def shortcut_table(corpus: Corpus, folds: int = 5, repeats: int = 2) -> pd.DataFrame:
    """How well a decision tree (depth 3) tells the class from such facts alone, cross-validated by video.

    A video counts under its first clip's label; a class of a single video is left out, and the smallest class sets how
    many folds there can be.

    Returns:
        ``facts``, ``when`` (of the file, or as the encoder sees it), ``balanced_accuracy`` (mean over folds and
        repeats; a constant gives exactly chance), ``chance`` (1/classes).
    """
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import RepeatedStratifiedKFold
    from sklearn.tree import DecisionTreeClassifier

    facts = video_facts(corpus)
    facts = facts[facts.groupby("label")["label"].transform("size") >= 2]
    labels = facts["label"].to_numpy()
    classes, counts = np.unique(labels, return_counts=True)
    folds = min(folds, int(counts.min())) if len(classes) > 1 else 0
    asked = [
        ("frame size", "file", ["width", "height"]),
        ("frame rate", "file", ["rate"]),
        ("bit rate", "file", ["kilobits"]),
        ("black bars", "file", ["bars"]),
        ("frame size", "encoder", ["seen_width", "seen_height"]),
        ("brightness", "encoder", ["brightness"]),
        ("detail (blur, compression)", "encoder", ["detail"]),
        ("amount of motion", "encoder", ["motion"]),
    ]
    rows = []
    for name, when, columns in asked:
        x = facts[columns].fillna(0).to_numpy(dtype=float)
        scores = []
        if folds:
            splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=SEED)
            for train, test in splitter.split(x, labels):
                tree = DecisionTreeClassifier(max_depth=3, class_weight="balanced", random_state=SEED)
                guess = tree.fit(x[train], labels[train]).predict(x[test])
                scores.append(balanced_accuracy_score(labels[test], guess))
        rows.append((name, when, float(np.mean(scores)) if scores else np.nan, 1 / max(len(classes), 1)))
    return pd.DataFrame(rows, columns=["facts", "when", "balanced_accuracy", "chance"])
