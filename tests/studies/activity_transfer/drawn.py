"""A miniature corpus of drawn recordings as a manifest, for the study's tests."""

from pathlib import Path

import numpy as np
import pandas as pd

ACTIVITIES = {"swing": (1.0, 1.0, 0), "shake": (4.0, 0.6, 1), "rest": (0.2, 0.05, 2)}  # Hz, g, axis that gravity is on


def write(folder: Path, subjects: int = 4, seconds: int = 20) -> Path:
    """Recordings of each activity twice a subject; subjects differ in tempo, strength and how the strap sits."""
    rng = np.random.default_rng(0)
    time = np.arange(seconds * 25) / 25
    rows = []
    for s in range(subjects):
        tempo, strength, tilt = 1 + 0.1 * rng.normal(), 1 + 0.2 * rng.normal(), 0.2 * rng.normal(size=3)
        for name, (hertz, size, axis) in ACTIVITIES.items():
            for turn in range(2):
                wave = strength * size * np.sin(2 * np.pi * tempo * hertz * time + rng.uniform(0, 6))
                signal = np.outer(wave, [1, 0.5, 0.2]) + np.eye(3)[axis] + tilt + 0.05 * rng.normal(size=(len(time), 3))
                file = f"{s}_{name}_{turn}.csv"
                pd.DataFrame(signal, columns=["x", "y", "z"]).to_csv(folder / file, index=False)
                rows.append({"sample_id": file[:-4], "subject": f"p{s}", "activity": name, "path": file, "rate": 25})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def parameters(manifest: Path) -> dict[str, object]:
    """Of a run on it that takes seconds."""
    return {"corpus": "manifest", "data_root": str(manifest), "trees": 10, "left_out": 0, "encoder_epochs": 1,
            "encoder_features": 32, "batch_size": 32, "smallest": 4, "resolution": 1.0, "workers": 1,
            "target_shares": [1.0, 0.67]}  # fmt: skip
