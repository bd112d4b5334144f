"""A corpus is looked over file by file and sample by sample, and what is broken is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from helpers.data.catalogue.entry import CatalogueEntry
from helpers.data.catalogue.lookup import find_entry
from helpers.data.check import check_corpus
from helpers.data.corpus import Corpus
from helpers.errors import StudyError


def images(root: Path, each: int = 6) -> Path:
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (root / name).mkdir(parents=True)
        for i in range(each):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(root / name / f"{i}.png")
    return root


def test_a_whole_corpus_has_counts_and_classes_and_no_problems(tmp_path: Path) -> None:
    found = check_corpus(find_entry("images/folder"), images(tmp_path / "c"))
    assert found.problems == ()
    assert (found.files, found.samples) == (12, 12)
    assert found.facts is not None
    facts = dict(found.facts.itertuples(index=False))
    assert (facts["samples"], facts["label"]) == ("12", "ant: 6, bee: 6")


def test_every_broken_file_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    root = images(tmp_path / "c")
    (root / "ant" / "0.png").write_bytes(b"")
    (root / "bee" / "1.png").write_bytes((root / "bee" / "1.png").read_bytes()[:60])
    (root / "bee" / "2.png").write_text("<html>")
    found = check_corpus(find_entry("images/folder"), root)
    assert [line.partition(":")[0] for line in found.problems] == ["ant/0.png", "bee/1.png", "bee/2.png"]
    assert found.problems[0] == "ant/0.png: is empty"
    assert str(tmp_path) not in "".join(found.problems)
    assert any("3" in notice for notice in found.notices)  # the reader says how many it leaves out


def test_what_the_reader_refuses_is_a_problem_too(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    found = check_corpus(find_entry("images/folder"), tmp_path / "c")
    assert found.facts is None
    assert len(found.problems) == 1


def test_nothing_at_the_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is nothing at"):
        check_corpus(find_entry("cifar10"), tmp_path / "absent")


def odd_corpus(name: str, data_root: str) -> Corpus:
    """A corpus of 100 samples: the 30th holds no number and the 70th cannot be loaded."""

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        if 70 in rows:
            raise OSError("the disk has a hole")
        values = torch.ones(len(rows), 3)
        values[torch.from_numpy(rows == 30)] = torch.nan
        values[:, 0] = torch.where(
            torch.from_numpy(rows == 31), torch.nan, values[:, 0]
        )  # one value absent is no problem
        return {"x": values, "n": torch.zeros(len(rows), dtype=torch.int64)}

    table = pd.DataFrame({"sample_id": [f"s{i}" for i in range(100)], "label": "a"})
    table["subject"] = table["sample_id"]
    return Corpus(name, table, load, ("label",), "none", "a test", True, "f")


def test_samples_without_numbers_and_samples_that_cannot_be_loaded_are_named() -> None:
    entry = CatalogueEntry("odd", "tests", "w", "s", "l", "h", f"{__name__}:odd_corpus", carried_by="helpers")
    found = check_corpus(entry, Path("unused"))
    assert found.problems == ("s30: holds no finite number", "s70: cannot be loaded: the disk has a hole")
    assert found.samples == 100


def test_broken_sound_files_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    import soundfile

    root = tmp_path / "wav"
    root.mkdir()
    wave = np.sin(np.arange(4000) / 10)
    for name in ("03a01Wa", "03a01Fa", "03a01Na"):
        soundfile.write(root / f"{name}.wav", 0 * wave if name == "03a01Fa" else wave, 16000)
    whole = (root / "03a01Na.wav").read_bytes()
    (root / "03a01Na.wav").write_bytes(whole[: len(whole) // 2])
    found = check_corpus(find_entry("emo_db"), tmp_path)
    assert found.problems[0] == "wav/03a01Fa.wav: is silent"
    assert found.problems[1].startswith("wav/03a01Na.wav: is cut short")
    assert (found.files, found.samples, len(found.problems)) == (3, 1, 2)
