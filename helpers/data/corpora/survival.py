"""Survival tables: one row a subject, features with gaps, a follow-up time and whether the event was seen.

Built in (carried by packages): FLCHAIN, GBSG2, WHAS500 (scikit-survival), SUPPORT2 (SurvSet). By file: METABRIC and
SUPPORT as DeepSurv's HDF5 files (Katzman et al. 2018), and any CSV or Parquet table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from helpers.data.corpus import Corpus, folds_by_subject
from helpers.data.manifest import read_manifest, refuse_blanks
from helpers.errors import StudyError

_MOST_VALUES = 50_000_000  # of one array of a file
LEVEL_LIMIT = 50  # a text column with more different values than this is no category but an identifier
_RESERVED = ("sample_id", "subject", "group", "split", "time", "event")


@dataclass(frozen=True)
class SurvivalCorpus(Corpus):
    """A corpus whose samples are table rows with a time and an event.

    ``table`` also holds the features as columns, NaN where absent. ``load(rows)`` returns

    - ``"features"``: (B, F) float64, numeric columns first, then categorical ones as codes 0 … K−1; NaN = absent;
    - ``"time"``: (B,) float64, follow-up in ``time_unit``; ``"event"``: (B,) bool, True where the event was seen.

    Attributes:
        numeric: names of the numeric features.
        categorical: name of each categorical feature -> its levels, in the order of their codes.
        time_unit: of ``time``, such as ``"days"``.
        event_name: what the event is, such as ``"death"``.
    """

    numeric: tuple[str, ...] = field(default=())
    categorical: dict[str, tuple[str, ...]] = field(default_factory=dict)
    time_unit: str = "time units"
    event_name: str = "event"

    @property
    def features(self) -> tuple[str, ...]:
        """All features, in the order of the columns that ``load`` returns."""
        return (*self.numeric, *self.categorical)


@dataclass(frozen=True)
class SurvivalFold:
    """Rows of one fold, int64 each: about 60 % to train, 20 % to validate, 20 % to test."""

    number: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def survival_folds(corpus: Corpus, folds: int, seed: int) -> list[SurvivalFold]:
    """Event-stratified cross-validation that keeps every subject whole.

    Fold k is the test part; of the rest a quarter, event-stratified too, is the validation part.

    Raises:
        StudyError: fewer subjects than folds, a part without an event after time 0, or without two different times.
    """
    event, time = corpus.table["event"].to_numpy(bool), corpus.table["time"].to_numpy(float)
    found = []
    for number, test in enumerate(folds_by_subject(corpus.table, folds, seed, stratify=event)):
        rest = np.setdiff1d(np.arange(len(corpus)), test)
        quarter = folds_by_subject(corpus.table.iloc[rest], 4, seed + number, stratify=event[rest])[0]
        fold = SurvivalFold(number, np.delete(rest, quarter), rest[quarter], test)
        for part in ("train", "validation", "test"):
            rows = getattr(fold, part)
            eventless = not (event & (time > 0))[rows].any()
            if eventless or np.ptp(time[rows]) == 0:
                lacks = "has no event after time 0" if eventless else "has no two different times"
                raise StudyError(
                    f"{corpus.name}: the {part} part of fold {number + 1} of {folds} {lacks} ({len(rows)} rows, "
                    f"{int(event.sum())} events in the corpus); use fewer folds or more data"
                )
        found.append(fold)
    return found


def read_survival(
    name: str,
    data_root: str = "",
    time_column: str = "time",
    event_column: str = "event",
    subject_column: str = "",
    row_limit: int = 0,
) -> SurvivalCorpus:
    """A survival corpus by name.

    Args:
        name: ``flchain``, ``support2``, ``gbsg2``, ``whas500``, ``metabric``, ``support`` or ``manifest``.
        data_root: folder (metabric, support) or table file (manifest); unused by the built-in ones.
        time_column, event_column, subject_column: of a manifest; no ``subject_column``: a row is a subject.
        row_limit: keep a random subset of this many rows (the same one always); 0 = all.

    Raises:
        StudyError: absent or damaged data, an unknown column, times or events that are none.
    """
    if name == "manifest":
        corpus = _manifest(Path(data_root), time_column, event_column, subject_column)
    elif name in DEEPSURV:
        corpus = _deepsurv(name, deepsurv_file(name, data_root))
    elif name in _BUILT_IN:
        corpus = _BUILT_IN[name]()
    else:
        raise StudyError(f"no survival corpus is called {name!r}; allowed: {', '.join(SURVIVAL_CORPORA)}")
    if 0 < row_limit < len(corpus):
        chosen = np.sort(np.random.default_rng(0).permutation(len(corpus))[:row_limit])
        limited = corpus.select(chosen)
        assert isinstance(limited, SurvivalCorpus)
        return limited
    return corpus


def _flchain() -> SurvivalCorpus:
    from sksurv.datasets import load_flchain

    x, y = load_flchain()
    features = pd.DataFrame(
        {
            "age": x["age"].astype(float),
            "creatinine": x["creatinine"].astype(float),
            "kappa": x["kappa"].astype(float),
            "lambda": x["lambda"].astype(float),
            "flc_decile": x["flc.grp"].astype(float),
            "sample_year": x["sample.yr"].astype(float),
            "sex": x["sex"].astype(str),
            "mgus": x["mgus"].astype(str),
        }
    )
    return _corpus(
        "flchain", features, y["futime"].astype(float), y["death"], time_unit="days", event_name="death",
        licence="GPL-2 (R package survival)",
        source="Dispenzieri et al. 2012, serum free light chain study; carried by scikit-survival",
        notices=("chapter (cause of death) dropped: it leaks the event",),
    )  # fmt: skip


def _support2() -> SurvivalCorpus:
    from SurvSet.data import SurvLoader

    table = SurvLoader().load_dataset("support2")["df"]
    leaks = ["num_surv2m", "num_surv6m", "fac_sfdm2", "fac_dnr"]
    names = [c for c in table.columns if c.startswith(("num_", "fac_")) and c not in (*leaks, "fac_num_co")]
    features = pd.DataFrame({name[4:]: table[name] for name in names})
    for name in names:
        if name.startswith("fac_"):
            text = table[name].astype(str)
            features[name[4:]] = text.where(~text.isin(["missing", "nan"]), other=np.nan)
    return _corpus(
        "support2", features, table["time"].to_numpy(float), table["event"].to_numpy(), time_unit="days",
        event_name="death", licence="as published by the Vanderbilt Department of Biostatistics",
        source="Knaus et al. 1995, SUPPORT; carried by SurvSet",
        notices=(
            "surv2m and surv6m (a model's predictions), sfdm2 (two-month follow-up) and dnr (order during the stay) "
            "dropped: they leak the event",
            "num_co stands twice, as number and as factor: the number is kept",
            "race and income coded 'missing' are absent values",
        ),
    )  # fmt: skip


def _gbsg2() -> SurvivalCorpus:
    from sksurv.datasets import load_gbsg2

    x, y = load_gbsg2()
    features = x.rename(columns=str).copy()
    features["tgrade"] = features["tgrade"].astype(str).map({"I": 1.0, "II": 2.0, "III": 3.0})  # ordered
    return _corpus(
        "gbsg2", features, y["time"].astype(float), y["cens"], time_unit="days", event_name="recurrence or death",
        licence="GPL-2 (R package TH.data)",
        source="Schumacher et al. 1994, German Breast Cancer Study Group 2; carried by scikit-survival",
    )  # fmt: skip


def _whas500() -> SurvivalCorpus:
    from sksurv.datasets import load_whas500

    x, y = load_whas500()
    return _corpus(
        "whas500", x.copy(), y["lenfol"].astype(float), y["fstat"], time_unit="days", event_name="death",
        licence="as published with Hosmer, Lemeshow & May 2008",
        source="Worcester Heart Attack Study; carried by scikit-survival",
    )  # fmt: skip


_BUILT_IN: dict[str, Callable[[], SurvivalCorpus]] = {
    "flchain": _flchain,
    "support2": _support2,
    "gbsg2": _gbsg2,
    "whas500": _whas500,
}


@dataclass(frozen=True)
class DeepSurvLayout:
    """What the unnamed columns of one of DeepSurv's files are. ``levels``: column -> level of each value."""

    files: tuple[str, ...]
    columns: tuple[str, ...]
    levels: dict[str, dict[int, str]]
    time_unit: str
    source: str


_NO_YES = {0: "no", 1: "yes"}
DEEPSURV: dict[str, DeepSurvLayout] = {
    "metabric": DeepSurvLayout(
        ("metabric.h5", "metabric_IHC4_clinical_train_test.h5"),
        ("MKI67", "EGFR", "PGR", "ERBB2", "hormone", "radiotherapy", "chemotherapy", "er_positive", "age"),
        dict.fromkeys(("hormone", "radiotherapy", "chemotherapy", "er_positive"), _NO_YES),
        "months",
        "Curtis et al. 2012, METABRIC, as DeepSurv (Katzman et al. 2018) prepared it",
    ),
    "support": DeepSurvLayout(
        ("support.h5", "support_train_test.h5"),
        (
            "age",
            "sex",
            "race",
            "comorbidities",
            "diabetes",
            "dementia",
            "cancer",
            "mean_bp",
            "heart_rate",
            "respiration",
            "temperature",
            "white_cells",
            "sodium",
            "creatinine",
        ),
        {
            "sex": {0: "0", 1: "1"},
            "race": {code: str(code) for code in range(10)},  # nominal; the file does not name its codes
            "diabetes": _NO_YES,
            "dementia": _NO_YES,
            "cancer": {0: "metastatic", 1: "no", 2: "yes"},  # nominal: the codes are no scale
        },
        "days",
        "Knaus et al. 1995, SUPPORT, as DeepSurv (Katzman et al. 2018) prepared it",
    ),
}
SURVIVAL_CORPORA = (*_BUILT_IN, *DEEPSURV, "manifest")


def deepsurv_file(name: str, data_root: str) -> Path:
    """The HDF5 file of a DeepSurv corpus: ``data_root`` itself, or a known file name below it.

    Raises:
        StudyError: no ``data_root``, or no such file.
    """
    names = DEEPSURV[name].files
    if not data_root:
        raise StudyError(f"{name}: set data_root to the folder that holds {names[0]} (DeepSurv's HDF5 file)")
    root = Path(data_root)
    for path in (root, *(root / file for file in names)):
        if path.is_file():
            return path
    raise StudyError(f"{name}: no {' or '.join(names)} in data_root {data_root}")


def _deepsurv(name: str, path: Path) -> SurvivalCorpus:
    import h5py

    layout = DEEPSURV[name]
    parts: dict[str, list[np.ndarray]] = {"x": [], "t": [], "e": []}
    try:
        with h5py.File(path) as file:
            for group in ("train", "test"):
                for key, found in parts.items():
                    held = file[group][key]
                    if held.size > _MOST_VALUES:  # a small file may promise any size
                        raise ValueError(f"{group}/{key} promises {held.size:,} values")
                    found.append(np.asarray(held))
    except KeyError as error:
        raise StudyError(
            f"{path.name}: not DeepSurv's layout, train and test with x, t and e each ({' '.join(error.args)})"
        ) from error
    except (OSError, TypeError, ValueError, RuntimeError, AttributeError, MemoryError) as error:
        raise StudyError(f"{path.name} cannot be read as HDF5 ({error}); is it cut short? Fetch it again") from error
    try:
        x, time, event = (np.concatenate(found) for found in parts.values())
    except ValueError:
        raise StudyError(f"{path.name}: train and test have arrays of different shapes") from None
    shaped = x.ndim == 2 and x.shape[1] == len(layout.columns) and len(x) > 0
    if not shaped or not x.shape[:1] == time.shape == event.shape:
        raise StudyError(
            f"{path.name}: x has shape {x.shape}, t {time.shape}, e {event.shape}; of {len(layout.columns)}"
        )
    for key, values in (("x", x), ("t", time), ("e", event)):
        if values.dtype.kind not in "iuf":
            raise StudyError(f"{path.name}: {key} of {name} holds text such as {str(values.flat[0])!r}, not numbers")
    features = pd.DataFrame(np.asarray(x, float).round(6), columns=list(layout.columns))
    for column, levels in layout.levels.items():
        unknown = sorted(set(features[column].dropna()) - set(levels))
        if unknown:
            raise StudyError(f"{path.name}: {column} holds {unknown[0]:g}; its codes are {', '.join(map(str, levels))}")
        features[column] = features[column].map(levels)
    return _corpus(
        name, features, np.asarray(time, float), event, time_unit=layout.time_unit, event_name="death",
        licence="MIT (DeepSurv's repository)", source=layout.source,
        notices=("the file's own train and test parts are pooled; folds are drawn anew",),
    )  # fmt: skip


def _manifest(path: Path, time_column: str, event_column: str, subject_column: str) -> SurvivalCorpus:
    wanted = [c for c in (time_column, event_column, subject_column) if c]
    table = read_manifest(
        path, required=wanted, text=("sample_id", "subject", *([subject_column] * bool(subject_column)))
    )
    if subject_column:
        refuse_blanks(table[subject_column], path)
    subject = table[subject_column].astype(str) if subject_column else table["subject"].astype(str)
    left_out = {time_column, event_column, subject_column, *_RESERVED}
    features = table[[c for c in table.columns if c not in left_out]].copy()
    if features.empty:
        raise StudyError(f"{path.name} has no feature columns beside {', '.join(wanted)}")
    time, event = table[time_column], table[event_column]
    if not pd.api.types.is_numeric_dtype(time):
        raise StudyError(f"{path.name}: {time_column} holds text such as {str(time.iloc[0])!r}; times are numbers")
    if not (pd.api.types.is_numeric_dtype(event) or pd.api.types.is_bool_dtype(event)):
        raise StudyError(
            f"{path.name}: {event_column} holds text such as {str(event.iloc[0])!r}; write 1 where the event was seen, "
            "0 where it was censored"
        )
    return _corpus(
        path.stem, features, time.to_numpy(float), event.to_numpy(), sample_id=table["sample_id"], subject=subject,
        licence="the owner's", source=f"{path.name} (bring your own)",
    )  # fmt: skip


def _corpus(
    name: str, features: pd.DataFrame, time: np.ndarray, event: np.ndarray, *, licence: str, source: str,
    time_unit: str = "time units", event_name: str = "event", notices: tuple[str, ...] = (),
    sample_id: pd.Series | None = None, subject: pd.Series | None = None,
) -> SurvivalCorpus:  # fmt: skip
    """Check, encode and wrap a table of features with its times and events."""
    time, seen = np.asarray(time, float), np.asarray(event, float)
    _check_outcome(name, time, seen)
    numeric, categorical, columns = [], {}, {}
    for column in features.columns:
        values = features[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            numeric.append(str(column))
            columns[str(column)] = values.to_numpy(float)
        else:
            text = values.astype(object).where(values.notna(), None)
            levels = tuple(sorted({str(v) for v in text if v is not None}))
            if len(levels) > LEVEL_LIMIT:
                raise StudyError(
                    f"{name}: column {column!r} holds text with {len(levels)} different values, more than a "
                    f"category has ({LEVEL_LIMIT}); drop it or turn it into a number"
                )
            codes = {level: float(code) for code, level in enumerate(levels)}
            categorical[str(column)] = levels
            columns[str(column)] = np.array([np.nan if v is None else codes[str(v)] for v in text])
    matrix = np.stack([columns[c] for c in (*numeric, *categorical)], axis=1)  # (N, F)
    if np.isinf(matrix).any():
        raise StudyError(f"{name}: a feature is infinite; leave a value that is not known empty")
    raw, times, events = torch.tensor(matrix), torch.tensor(time), torch.tensor(seen > 0)

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        chosen = torch.as_tensor(np.asarray(rows))
        return {"features": raw[chosen], "time": times[chosen], "event": events[chosen]}

    sample = pd.Series([f"{name}-{i}" for i in range(len(time))]) if sample_id is None else sample_id
    shown = {c: columns[c] if c in numeric else _names(columns[c], categorical[c]) for c in (*numeric, *categorical)}
    owner = sample if subject is None else subject
    table = pd.DataFrame({"sample_id": sample.to_numpy(), "subject": owner.to_numpy(),
                          "time": time, "event": seen > 0, **shown})  # fmt: skip
    content = hashlib.sha256(matrix.tobytes() + time.tobytes() + seen.tobytes()).hexdigest()[:16]
    absent = float(np.isnan(matrix).mean())
    told = (f"{absent:.1%} of feature values are absent",) if absent else ()
    return SurvivalCorpus(
        name=name, table=table, load=load, labels=("time", "event"), licence=licence, source=source, simulated=False,
        fingerprint=content, notices=(*notices, *told), numeric=tuple(numeric), categorical=categorical,
        time_unit=time_unit, event_name=event_name,
    )  # fmt: skip


def _names(codes: np.ndarray, levels: tuple[str, ...]) -> list[str | float]:
    return [np.nan if np.isnan(code) else levels[int(code)] for code in codes]


def _check_outcome(name: str, time: np.ndarray, event: np.ndarray) -> None:
    bad = ~np.isfinite(time) | (time < 0)
    if bad.any():
        where = int(np.flatnonzero(bad)[0])
        raise StudyError(f"{name}: time of row {where + 1} is {time[where]:g}; times are finite numbers >= 0")
    strange = ~np.isin(event, (0, 1))
    if strange.any():
        where = int(np.flatnonzero(strange)[0])
        raise StudyError(f"{name}: event of row {where + 1} is {event[where]:g}; write 1 for seen, 0 for censored")
    if event.min() == event.max():
        kind = "seen" if event[0] else "censored"
        raise StudyError(f"{name}: every row is {kind}; a survival study needs both seen and censored events")
