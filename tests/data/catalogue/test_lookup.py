"""Every corpus of every study stands in the catalogue, says the same there, and is found on a disk by its layout."""

from pathlib import Path

import pytest

from helpers.data.catalogue.entry import OWN
from helpers.data.catalogue.lookup import all_entries, find_entry, find_on_disk, is_carried, study_entries
from helpers.errors import StudyError
from helpers.studies.catalogue import study_card, study_names


@pytest.mark.parametrize("study", study_names())
def test_every_corpus_of_a_study_is_in_the_catalogue_and_both_say_the_same_of_it(study: str) -> None:
    options = {option.name: option for option in study_card(study).corpora}
    entries = study_entries(list(options))
    for name, option in options.items():
        assert entries[name].simulated == option.simulated, name
        assert bool(entries[name].carried_by) == option.built_in, name
        assert is_carried(entries[name]) == option.built_in, name


def test_names_stand_once_and_every_reader_is_there() -> None:
    import importlib

    names = [entry.full_name for entry in all_entries()]
    assert len(set(names)) == len(names)
    for entry in all_entries():
        module, _, function = entry.reader.partition(":")
        assert callable(getattr(importlib.import_module(module), function)), entry.full_name


@pytest.mark.parametrize("entry", all_entries(), ids=lambda entry: entry.full_name)
def test_an_entry_says_all_that_a_reader_of_it_needs(entry) -> None:
    for words in (entry.what, entry.size, entry.licence, entry.how):
        assert words.strip() == words != ""
    if not entry.carried_by and entry.name not in OWN:
        assert entry.looks_like
    if entry.download is not None:
        kind, _, digest = entry.download.checksum.partition(":")
        assert len(digest) == {"md5": 32, "sha256": 64}[kind]
        assert set(digest) <= set("0123456789abcdef")
        assert entry.download.unpacked >= entry.download.size > 0
        assert f"studies data fetch {entry.name}" in entry.how


def test_a_name_that_stands_in_several_domains_needs_its_domain() -> None:
    assert find_entry("images/folder").domain == "images"
    with pytest.raises(StudyError, match=r"'folder' stands in several domains; say .*images/folder or"):
        find_entry("folder")
    with pytest.raises(StudyError, match="no corpus is called 'cifar'; did you mean cifar10"):
        find_entry("cifar")


def test_a_studys_own_data_are_of_the_domain_of_its_other_corpora() -> None:
    assert study_entries(["kth", "folder"])["folder"].domain == "video"
    assert study_entries(["digits", "folder"])["folder"].domain == "images"
    with pytest.raises(StudyError, match="corpus 'moon_rocks' is not in the catalogue"):
        study_entries(["digits", "moon_rocks"])
    with pytest.raises(StudyError, match="corpus 'folder' of the domain survival is not in the catalogue"):
        study_entries(["flchain", "folder"])


def test_a_corpus_is_found_by_its_layout_nearest_to_the_root_first(tmp_path: Path) -> None:
    for place in ("a/b/deep", "a"):
        (tmp_path / place / "cifar-10-batches-py").mkdir(parents=True)
        (tmp_path / place / "cifar-10-batches-py" / "data_batch_1").touch()
    (tmp_path / "survival").mkdir()
    (tmp_path / "survival" / "metabric.h5").touch()
    (tmp_path / "1" / "2" / "3" / "4").mkdir(parents=True)
    (tmp_path / "1" / "2" / "3" / "4" / "support.h5").touch()  # too deep
    found = find_on_disk(all_entries(), tmp_path)
    assert found == {"cifar10": tmp_path / "a", "metabric": tmp_path / "survival"}


def test_links_are_not_followed_in_the_search(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    assert find_on_disk(all_entries(), tmp_path) == {}
