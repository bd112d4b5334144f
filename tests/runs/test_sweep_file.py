"""A sweep file becomes every run that it names, once, and a mistake in it one line that starts nothing."""

from pathlib import Path

import pytest

from helpers.errors import StudyError
from helpers.places import ROOT
from helpers.runs.planning import PlannedRun, plan
from helpers.runs.sweep_file import planned_sweep


def planned(tmp_path: Path, text: str) -> list[PlannedRun]:
    (tmp_path / "s.yaml").write_text(text)
    return planned_sweep(tmp_path / "s.yaml")


def test_the_grid_is_every_combination_in_the_order_of_the_keys(tmp_path: Path) -> None:
    text = """
        studies: survformer
        scales: [quick, standard]
        corpora: [gbsg2, whas500]
        seeds: 0-1
        grid: {epochs: [1, 2]}
    """
    runs = planned(tmp_path, text)
    seen = [(r.parameters.scale, r.parameters.corpus, r.parameters.seeds, r.parameters.epochs) for r in runs]
    assert seen == [
        (scale, corpus, [seed], epochs)
        for scale in ("quick", "standard") for corpus in ("gbsg2", "whas500") for seed in (0, 1) for epochs in (1, 2)
    ]  # fmt: skip
    assert runs[0].detail == "seed 0, epochs 1"
    assert len({run.identity for run in runs}) == 16


def test_lists_that_belong_together_stay_together_and_cross_with_the_grid(tmp_path: Path) -> None:
    runs = planned(
        tmp_path,
        "studies: survformer\nset: {folds: 4}\ngrid: {epochs: [1, 2]}\n"
        "runs: [{rows: 500, batch_size: 64}, {rows: 600}]",
    )
    seen = [(r.parameters.epochs, r.parameters.rows, r.parameters.batch_size == 64, r.parameters.folds) for r in runs]
    assert seen == [(1, 500, True, 4), (1, 600, False, 4), (2, 500, True, 4), (2, 600, False, 4)]


def test_built_in_stands_for_the_corpora_that_need_nothing(tmp_path: Path) -> None:
    runs = planned(tmp_path, "studies: [survformer, direct_pred]\ncorpora: built_in")
    assert [(r.study, r.parameters.corpus) for r in runs] == [
        *(("survformer", name) for name in ("flchain", "support2", "gbsg2", "whas500")), ("direct_pred", "digits"),
    ]  # fmt: skip


def test_a_label_fraction_is_run_beside_all_labels(tmp_path: Path) -> None:
    runs = planned(tmp_path, "studies: direct_pred\nlabel_fractions: [0.1, 1.0]")
    assert [r.parameters.label_fractions for r in runs] == [[0.1, 1.0], [1.0]]


def test_a_run_is_the_same_as_by_studies_run_whatever_its_workers(tmp_path: Path) -> None:
    (run,) = planned(tmp_path, "studies: survformer\nset: {learning_rate: 1e-3}")
    assert run.identity == plan("survformer", pairs=["learning_rate=0.001"]).identity
    assert run.parameters.workers == 1
    (wider,) = planned(tmp_path, "studies: survformer\nset: {learning_rate: 0.001, workers: 2}")
    assert (wider.identity, wider.parameters.workers) == (run.identity, 2)


def test_a_run_that_two_blocks_name_is_done_once(tmp_path: Path) -> None:
    text = "- {studies: survformer, seeds: 0-2}\n- {studies: survformer, seeds: [2, 3], minutes: 3}"
    runs = planned(tmp_path, text)
    assert [run.parameters.seeds for run in runs] == [[0], [1], [2], [3]]
    assert runs[3].minutes == 3
    assert runs[0].minutes != 3


def test_a_run_of_fewer_workers_or_more_seeds_than_usual_has_a_longer_time_limit(tmp_path: Path) -> None:
    usual = plan("survformer").minutes
    for text, times in (
        ("{}", 2),
        ("{workers: 2}", 1),
        ("{seeds: [0, 1, 2], workers: 2}", 3),
        ("{seeds: [0, 1, 2]}", 6),
    ):
        (run,) = planned(tmp_path, f"studies: survformer\nset: {text}")
        assert run.minutes == usual * times, text
    (run,) = planned_sweep(tmp_path / "s.yaml", minutes=7)
    assert run.minutes == 7


REFUSED = {
    "sedes: 0-4\nstudies: all": "sedes: a sweep has no such key; did you mean seeds? allowed: studies, scales, corpora",
    "seeds: 0-4": "studies: is missing",
    "studies: []": "studies: List should have at least 1 item",
    "studies: survfromer": "studies: no study is called 'survfromer'; did you mean survformer",
    "studies: survformer\nscales: huge": "scales.0: Input should be 'quick', 'standard' or 'paper', not 'huge'",
    "studies: survformer\ncorpora: [flchian]": "corpus: 'flchian' is unknown; allowed: flchain",
    "studies: survformer\ncorpora: metabric": "survformer: metabric: set data_root to the folder that holds",
    "studies: survformer\nseeds: 4-0": "seeds: must read like 0-4 or 0,2,5, or be a list, not '4-0'",
    "studies: survformer\nset: {epohcs: 3}": "epohcs: survformer has no such parameter; did you mean epochs?",
    "studies: survformer\ngrid: {epochs: [1, -1]}": "epochs: Input should be greater than or equal to",
    "studies: survformer\ngrid: {epochs: 3}": "grid.epochs: Input should be a valid list, not 3",
    "studies: survformer\ngrid: {epochs: []}": "grid: epochs has no values",
    "studies: survformer\nseeds: 0-1\nset: {seeds: [0]}": "seeds: is given twice, in seeds and in set",
    "studies: survformer\ncorpora: gbsg2\nruns: [{corpus: flchain}]": "corpus: is given twice, in corpora and in runs",
    "studies: survformer\nset: {scale: paper}": "set: scale: belongs under scales",
    "studies: all\nlabel_fractions: 0.1": "label_fractions: activity_transfer has no such parameter",
    "studies: survformer\ngrid: {rows: [1, 2], epochs: [1, 2": "line 2: expected ',' or ']'",
    "[]": "a sweep is `key: value` lines",
    "- studies: survformer\n- 3": "block 2: must hold `key: value` lines, not a int",
    "studies: survformer\nstudies: all": "studies: is given twice",
    "studies: survformer\nminutes: 0": "minutes: Input should be greater than 0, not 0",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_mistake_is_one_line_with_the_file_the_key_and_what_is_allowed(text: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as error:
        planned(tmp_path, text)
    assert str(error.value).startswith((f"{tmp_path / 's.yaml'}: ", "survformer: "))
    assert REFUSED[text] in str(error.value)


def test_a_grid_beyond_all_reason_is_refused_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.runs.sweep_file.MOST_RUNS", 3)
    with pytest.raises(StudyError, match="makes more than 3 runs"):
        planned(tmp_path, "studies: survformer\nseeds: 0-9999")


@pytest.mark.parametrize("path", sorted((ROOT / "params" / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_ready_sweep_can_be_planned_and_its_header_says_what_it_costs(path: Path) -> None:
    runs = planned_sweep(path)
    assert len(runs) > 1
    header = "".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert "cost" in header.lower()
