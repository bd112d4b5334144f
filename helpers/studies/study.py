"""A study's run as its notebook sees it: parameters, seeds, records, figures, verdict."""

from __future__ import annotations

import html
import json
import random
import types
from collections.abc import Sequence
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError
from helpers.evaluation.claims import Evidence, Verdict, judge
from helpers.progress import tell
from helpers.report.tables import facts_table
from helpers.studies.catalogue import study_card
from helpers.studies.provenance import Stopwatch, provenance
from helpers.studies.results import tidy, write_results
from helpers.studies.run_folder import RUN_FOLDER, finish, open_partial, run_id, write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import nn

    from helpers.data.corpus import Corpus


class Study:
    """One run of a study: opens its folder, seeds everything, and closes with a verdict.

    Args:
        name: of the study, such as ``"survformer"``.
        parameters: by name; what is not given has the default of ``quick``.

    Attributes:
        parameters: validated and typed.
        card: the study's card: paper, claims, corpora.
        folder: where this run's files go. It is hidden until the run is whole.
        run_id: hash of parameters, data and code.

    Raises:
        StudyError: an unknown study or parameter, an impossible value, absent data.
    """

    def __init__(self, name: str, **parameters: Any) -> None:
        self.card = study_card(name)
        self.parameters: Any = self.card.validated(parameters, where=f"parameters of {name}")
        self.fingerprint = fingerprint(self.card.data_sources(self.parameters))
        self.run_id = run_id(name, self.parameters.affecting_results(), self.fingerprint)
        self._launched = environ.get(RUN_FOLDER)
        self.folder = Path(self._launched) if self._launched else open_partial(name, self.run_id)
        self._watch = Stopwatch()
        self._provenance = provenance(name, self.fingerprint, self.parameters.threads, self.parameters.workers)
        self._rows: list[dict[str, Any]] = []
        self._key_figure: dict[str, str] | None = None
        self._start()

    @classmethod
    def from_notebook(cls, name: str, namespace: dict[str, Any]) -> Study:
        """Take every plain variable of a notebook's namespace as a parameter: ``Study.from_notebook(…, globals())``.

        An unknown name that papermill injected is thus refused as an unknown parameter, not ignored.

        Raises:
            StudyError: also where an import has the name of a parameter, whose value is then lost.
        """
        hidden = {"In", "Out"}  # IPython's own
        plain = {
            key: value
            for key, value in namespace.items()
            if not key.startswith("_")
            and key not in hidden
            and not isinstance(value, types.ModuleType | type)
            and not callable(value)
            and type(value).__name__ != "_Feature"  # from __future__ imports
        }
        for key in study_card(name).parameters.model_fields:
            if key in namespace and key not in plain:
                raise StudyError(f"notebook of {name}: {key}: an import of that name hides the parameter; rename it")
        return cls(name, **plain)

    def _start(self) -> None:
        import torch

        torch.set_num_threads(self.parameters.threads)
        self.seed_everything(self.parameters.seeds[0])
        write_whole(self.folder / "params.yaml", yaml.safe_dump(self.parameters.model_dump(), sort_keys=False))
        tell("started")

    @property
    def name(self) -> str:
        """The study's name."""
        return self.card.name

    @property
    def simulated(self) -> bool:
        """Whether this run's corpus is simulated."""
        return self.card.corpus(self.parameters.corpus).simulated

    @property
    def data_note(self) -> str:
        """What every figure says of its data, such as ``"flchain (real data)"``."""
        return f"{self.parameters.corpus} ({'simulated' if self.simulated else 'real'} data)"

    @property
    def checkpoints(self) -> Path:
        """Folder for checkpoints: it outlives a broken-off attempt and goes when the run is whole."""
        return self.folder / "checkpoints"

    def seed_everything(self, seed: int) -> None:
        """Seed torch, NumPy's global generator and Python's ``random``."""
        import numpy as np
        import torch

        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 (libraries draw from the global generator)
        random.seed(seed)

    def record(
        self, *, method: str, metric: str, value: float, n: int, fold: int | None = None, seed: int | None = None,
        label_fraction: float | None = None, condition: str = "", claim: str = "", split: str = "test",
    ) -> None:  # fmt: skip
        """Append one tidy row to the run's results.

        Args:
            method: what was measured, such as ``"cox"``.
            metric: what the value is, such as ``"c_index_td"``.
            value: the number; NaN where it could not be computed.
            n: samples it was computed on.
            fold, seed: of the repetition.
            label_fraction: share of labels used, in (0, 1].
            condition: what else was varied, such as ``"missing=0.3"``.
            claim: key of the claim that the row bears on.
            split: ``"test"`` or ``"validation"``.
        """
        self._rows.append(
            {
                "study": self.name, "corpus": self.parameters.corpus, "claim": claim, "method": method,
                "condition": condition, "split": split, "label_fraction": label_fraction, "fold": fold, "seed": seed,
                "metric": metric, "value": float(value), "n": int(n),
            }
        )  # fmt: skip

    def results(self) -> pd.DataFrame:
        """All rows recorded so far."""
        return tidy(self._rows)

    def show(self, figure: Figure, name: str, alt: str, key: bool = False) -> Any:
        """Save a figure under ``figures/`` and return it as a picture for the notebook to show.

        Args:
            figure: drawn in the house style; it is closed.
            name: file name without ending.
            alt: what the picture shows, in one sentence, for those who cannot see it.
            key: whether it is the figure that the gallery shows for this run.
        """
        from helpers.report.style import picture, png

        drawn = png(figure)
        write_whole(self.folder / "figures" / f"{name}.png", drawn)
        if key:
            self._key_figure = {"file": f"figures/{name}.png", "alt": alt}
        return picture(drawn, alt)

    def save_encoder(self, encoder: nn.Module) -> None:
        """Keep an encoder's weights as ``encoder.safetensors``."""
        from safetensors.torch import save

        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in encoder.state_dict().items()}
        write_whole(self.folder / "encoder.safetensors", save(tensors))

    def data_card(self, corpus: Corpus) -> Any:
        """The corpus's card as a table to show."""
        return facts_table(corpus.card().itertuples(index=False), f"{corpus.name}")

    def verdict(self, evidence: Sequence[Evidence], notes: Sequence[str] = ()) -> Verdicts:
        """Judge the claims, write the run's files and close the run.

        Args:
            evidence: the paired numbers, one entry a claim.
            notes: sentences that a reader of the verdict must know.

        Returns:
            The verdicts, which a notebook shows as a table.

        Raises:
            StudyError: no results were recorded, or the disk is full.
        """
        if not self._rows:
            raise StudyError(f"{self.name}: no results were recorded, so there is nothing to judge")
        found = Verdicts(tuple(judge(evidence)), self.data_note, tuple(notes))
        write_results(self.results(), self.folder / "results.parquet")
        write_whole(self.folder / "verdict.json", json.dumps(self._closing(found), indent=1))
        closing = {**self._provenance, **self._watch.read()}
        write_whole(self.folder / "provenance.json", json.dumps(closing, indent=1))
        if not self._launched and self.folder.name != self.run_id:  # once closed, the verdict is only renewed
            self.folder = finish(self.folder, self.name, self.run_id)
        return found

    def _closing(self, found: Verdicts) -> dict[str, Any]:
        return {
            "study": self.name,
            "title": self.card.title,
            "paper": self.card.paper.citation(),
            "run_id": self.run_id,
            "scale": self.parameters.scale,
            "corpus": self.parameters.corpus,
            "simulated": self.simulated,
            "seeds": self.parameters.seeds,
            "verdicts": [verdict.as_dict() for verdict in found.verdicts],
            "notes": list(found.notes),
            "key_figure": self._key_figure,
        }

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()

    def __repr__(self) -> str:
        return repr(self._table())

    def _table(self) -> Any:
        code, parameters = self._provenance["code"], self.parameters.model_dump(exclude={"data_root"})
        dirty = " (changed since)" if code["dirty"] else ""
        facts = [("study", self.card.title), ("paper", self.card.paper.citation()), ("run", self.run_id)]
        facts += [(key, ", ".join(map(str, v)) if isinstance(v, list) else str(v)) for key, v in parameters.items()]
        facts += [
            ("code", f"{code['version']}, commit {(code['commit'] or 'none')[:10]}{dirty}"),
            ("data", f"{self.data_note}, fingerprint {self.fingerprint}"),
            ("machine", f"{self._provenance['processor']}, torch {self._provenance['packages']['torch']}"),
        ]
        return facts_table(facts, self.name)


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of one run, with the data they are about."""

    verdicts: tuple[Verdict, ...]
    data_note: str
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        lines = [f"On {self.data_note}:"]
        lines += [f"  {v.word.upper()}: {v.statement} {effect_words(v)}" for v in self.verdicts]
        return "\n".join([*lines, *(f"  Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(v.statement)}</td><td>{html.escape(effect_words(v))}</td>"
            f"<td>{html.escape(v.paper_figure or 'none given')}</td><td><b>{v.word}</b></td></tr>"
            for v in self.verdicts
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (
            f"<table><caption>Verdict on {html.escape(self.data_note)}</caption><thead><tr><th>claim</th>"
            f"<th>effect here</th><th>paper</th><th>verdict</th></tr></thead><tbody>{rows}</tbody></table>{notes}"
        )


def effect_words(verdict: Verdict | dict[str, Any]) -> str:
    """Effect and interval of a verdict in words, such as ``"+0.012 c_index_td (95 % CI 0.003 to 0.021; …)"``."""
    v = verdict.as_dict() if isinstance(verdict, Verdict) else verdict
    margin = f"; margin {v['margin']:g} stated beforehand" if v["margin"] else ""
    if v["low"] is None:
        return f"{v['effect']:+.4f} {v['metric']} (no interval, {v['interval']}{margin})"
    return (
        f"{v['effect']:+.4f} {v['metric']} (95 % CI {v['low']:+.4f} to {v['high']:+.4f}; {v['interval']}, "
        f"{v['pairs']} pairs{margin})"
    )
