"""Corpora in miniature whose lists say what their files are, each in the layout that it is distributed in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from helpers.data.corpora.emotional_speech import emotion_corpus
from helpers.data.corpora.faces import face_corpus
from helpers.data.corpora.fine_grained import fine_grained_corpus
from helpers.data.corpora.images import image_corpus
from helpers.data.corpora.ip102 import ip102
from helpers.data.corpora.kernels import KernelDrawing, kernel_corpus
from helpers.data.corpora.msp_podcast import msp_podcast
from helpers.data.corpora.pronunciation import pronunciation_corpus
from helpers.data.corpora.slides import slide_corpus
from helpers.data.corpora.speech_attributes import attribute_corpus
from helpers.data.corpora.video import Drawing, video_corpus
from helpers.data.corpora.video_clips import ClipGrid
from helpers.data.corpora.volumes import volume_corpus
from helpers.data.corpora.wearables import read_recordings
from helpers.data.corpus import Corpus
from tests.data.corpora import (
    test_emotional_speech,
    test_faces,
    test_fine_grained,
    test_ip102,
    test_kernels,
    test_msp_podcast,
    test_pronunciation,
    test_slides,
    test_survival,
    test_video,
    test_volume_files,
    test_volumes,
    test_wearable_files,
    test_wearables,
)
from tests.data.corpora.test_images import folder_of, many

GRID = ClipGrid(frames=4, stride=1, step=4)


@dataclass(frozen=True)
class Listed:
    """A corpus in miniature and how it is read.

    Attributes:
        write: lay it out in an empty folder.
        read: from that folder.
        own_split: whether its lists say which sample is for what.
        also: columns besides the labels that its lists fill.
        examples: damages to try.
        ordered: whether the order of lines is all that says what they are, as that of samples in time.
        a_line: samples that one line may speak of.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], Corpus]
    own_split: bool = False
    also: tuple[str, ...] = ()
    examples: int = 10
    ordered: bool = False
    a_line: int = 1


def _image_manifest(root: Path) -> None:
    files = many(each=6)
    folder_of(root, files)
    names = list(files)
    pd.DataFrame({"sample_id": names, "path": names, "label": [f"{n[0]}{i % 2}" for i, n in enumerate(names)],
                  "subject": [f"p{i // 2}" for i in range(len(names))]}).to_csv(
        root / "manifest.csv", index=False)  # fmt: skip


def _face_manifest(root: Path) -> None:
    for i in range(12):
        test_faces.picture(root / "own" / f"{i}.png", i)
    pd.DataFrame({"path": [f"own/{i}.png" for i in range(12)], "label": [i % 2 for i in range(12)],
                  "sample_id": [f"f{i}" for i in range(12)],
                  "group": ["None" if i % 3 else "NA" for i in range(12)], "subject": [f"p{i // 2}" for i in range(12)],
                  }).to_csv(root / "faces.csv", index=False)  # fmt: skip


def _masks(root: Path) -> None:
    rows = []
    for i in range(8):
        test_kernels.picture(i).save(root / f"k{i}.png")
        test_kernels.mask().save(root / f"m{i}.png")
        rows.append(
            {"sample_id": f"k{i}", "path": f"k{i}.png", "label": "ab"[i % 2], "mask": f"m{i}.png" if i % 3 else ""}
        )
    pd.DataFrame(rows).to_csv(root / "kernels.csv", index=False)


def _crema_d(root: Path) -> None:
    for actor in (1001, 1002, 1003):
        for emotion in ("ANG", "HAP"):
            test_emotional_speech.sound(root / "AudioWAV" / f"{actor}_DFA_{emotion}_XX.wav", 0.05)
    (root / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Asian,Not Hispanic\n"
        "1003,30,Female,Asian,Hispanic\n"
    )


def _speech_manifest(root: Path) -> None:
    rows = []
    for i in range(8):
        test_emotional_speech.sound(root / "clips" / f"{i}.wav", 0.05)
        rows.append({"sample_id": f"c{i}", "path": f"clips/{i}.wav", "label": ["glad", "NA"][i % 2],
                     "subject": f"p{i % 4}", "split": ["train", "train", "validation", "test"][i % 4],
                     "arousal": 1 + i / 2, "valence": 4, "dominance": 2.5})  # fmt: skip
    pd.DataFrame(rows).to_csv(root / "speech.csv", index=False)


def _podcast(root: Path) -> None:
    test_msp_podcast.write_podcast(root)
    for i, file in enumerate(sorted((root / "Audio").glob("*.wav"))):
        rng = np.random.default_rng(i)
        test_msp_podcast.soundfile.write(file, 0.1 * rng.normal(size=1600), 16_000)


def _learners(root: Path) -> None:
    rows = []
    for i in range(8):
        test_pronunciation.write_wave(root / f"{i}.wav", 0.05, 16_000)
        rows.append({"sample_id": f"r{i}", "path": f"{i}.wav", "canonical": "S OW1", "perceived": ["Z OW1", ""][i % 2],
                     "subject": f"p{i // 2}", "group": "NA", "accentedness": i})  # fmt: skip
    pd.DataFrame(rows).to_csv(root / "learners.csv", index=False)


def _l2_arctic(root: Path) -> None:
    test_pronunciation.write_l2_arctic(root)
    for file in root.rglob("*.wav"):
        test_pronunciation.write_wave(file, 0.1, 16_000)
    (root / "accentedness.csv").write_text("subject,accentedness\nABA,4.5\nBWC,3\nHKK,7\nTLV,2\nSKA,1\n")


def _speechocean(root: Path) -> None:
    scores = {}
    for split, speakers in (("train", (1, 2, 3)), ("test", (6, 7))):
        (root / split).mkdir()
        waves, owners = [], []
        for s in speakers:
            for k in (1, 2):
                name = f"{s:05d}001{k}"
                test_pronunciation.write_wave(root / f"WAVE/SPEAKER{s:04d}/{name}.WAV", 0.05, 16_000)
                waves.append(f"{name}\tWAVE/SPEAKER{s:04d}/{name}.WAV")
                owners.append(f"{name}\t{s:04d}")
                wrong = [{"canonical-phone": "TH", "index": 0, "pronounced-phone": "S"}]
                scores[name] = {"text": "THIN", "accuracy": s, "words": [
                    {"text": "THIN", "phones": ["TH", "IH0", "N"], "mispronunciations": wrong}]}  # fmt: skip
        (root / split / "wav.scp").write_text("\n".join(waves) + "\n")
        (root / split / "utt2spk").write_text("\n".join(owners) + "\n")
    (root / "resource").mkdir()
    (root / "resource" / "scores.json").write_text(json.dumps(scores))


def _pamap2(root: Path) -> None:
    for subject in (101, 102):
        table = test_wearable_files.pamap2_table([4, 5], 1)
        (root / f"subject{subject}.dat").write_text("\n".join(test_wearable_files.number_lines(table)) + "\n")


def _mhealth(root: Path) -> None:
    for subject in (1, 2):
        table = np.random.default_rng(subject).normal(size=(60, 24))
        table[:, 23] = np.repeat([0, 4, 12], 20)
        lines = test_wearable_files.number_lines(table, "\t", "%.5g")
        (root / f"mHealth_subject{subject}.log").write_text("\n".join(lines) + "\n")


def _wisdm(root: Path) -> None:
    lines = [f"{u},{a},{(1 + i) * 50_000_000},0.5,{i % 7},1;" for u in (1, 2) for a in ("Sitting", "Walking")
             for i in range(40)]  # fmt: skip
    (root / "WISDM_ar_v1.1_raw.txt").write_text("\n".join(lines) + "\n")


def _hmp(root: Path) -> None:
    (root / "Walk").mkdir()
    for i, who in enumerate(("f1", "m1", "m2")):
        codes = [" ".join(map(str, row)) for row in np.random.default_rng(i).integers(0, 64, (80, 3))]
        (root / "Walk" / f"Accelerometer-2011-05-30-21-55-04-walk-{who}.txt").write_text("\n".join(codes) + "\n")


def _recordings(name: str, file: str = "") -> Callable[[Path], Corpus]:
    """How many samples there are of each subject and activity, as the labels of a corpus."""

    def read(root: Path) -> Corpus:
        found = read_recordings(name, str(root / file))
        samples: Counter[tuple[str, str]] = Counter()
        for one in found.recordings:
            assert np.isfinite(one.signal).all()
            samples[one.subject, one.activity] += len(one.signal)
        table = pd.DataFrame([(" ".join(who), who[0], count) for who, count in samples.items()],
                             columns=["sample_id", "subject", "samples"])  # fmt: skip
        return Corpus(name, table, lambda rows: torch.zeros(len(rows)), ("samples",), "", "", False, "", found.notices)

    return read


def _slides(root: Path) -> None:
    test_slides.write_slides(root)
    (root / "masks" / "s0.png").unlink()
    shapes = [test_slides.feature({"name": "grey"}, [test_slides.square(40, 340)]),
              test_slides.feature({"name": "WM"}, [test_slides.square(80, 120)])]  # fmt: skip
    (root / "annotations").mkdir()
    (root / "annotations" / "s0.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": shapes}))
    (root / "splits.csv").write_text("slide,split,group\ns0,test,A\ns1,train,A\ns2,train,B\ns3,validation,B\n")


def _slide_list(root: Path) -> None:
    test_slides.write_slides(root)
    splits = ["train", "train", "validation", "test", "unlabelled"]
    rows = [{"path": f"slides/s{i}.tiff", "split": split, "annotation": f"masks/s{i}.png" if i < 4 else "",
             "group": "NA"} for i, split in enumerate(splits)]  # fmt: skip
    pd.DataFrame(rows).to_csv(root / "slides.csv", index=False)


def _kth(root: Path) -> None:
    lines = ["Sequences are given as frame numbers", ""]
    for i, person in enumerate((11, 12, 1, 4, 22)):
        name = f"person{person:02d}_walking_d1"
        test_video.clip_file(root / f"{name}_uncomp.avi", 20 * i, 20)
        lines.append(f"{name}\t\tframe\t1-9, 12-20")
    (root / "00sequences.txt").write_text("\n".join(lines) + "\n")


def _ucf101(root: Path) -> None:
    for g in (1, 2, 8, 9, 10, 11):
        test_video.clip_file(root / "Archery" / f"v_Archery_g{g:02d}_c01.avi", 20 * g, 9)
    (root / "trainlist01.txt").write_text("".join(f"Archery/v_Archery_g{g:02d}_c01.avi 1\n" for g in (8, 9, 10, 11)))
    (root / "testlist01.txt").write_text("".join(f"Archery/v_Archery_g{g:02d}_c01.avi\n" for g in (1, 2)))


def _hmdb51(root: Path) -> None:
    lines = []
    for i, (film, mark) in enumerate([("April", 1), ("Sarah", 1), ("Tom", 1), ("Bob", 2), ("Ann", 0)]):
        name = f"{film}_cartwheel_u_nm_np1_ba_goo_0.avi"
        test_video.clip_file(root / "cartwheel" / name, 20 * i, 9)
        lines.append(f"{name} {mark} ")
    (root / "cartwheel_test_split1.txt").write_text("\n".join(lines) + "\n")


def _video_manifest(root: Path) -> None:
    rows = []
    for i, split in enumerate(["train", "train", "validation", "test"]):
        test_video.clip_file(root / f"v{i}.avi", 20 * i, 9)
        rows.append(
            {"sample_id": f"v{i}", "path": f"v{i}.avi", "label": ["NA", "b"][i % 2], "subject": f"s{i}", "split": split}
        )
    pd.DataFrame(rows).to_csv(root / "videos.csv", index=False)


def _videos(name: str, file: str = "") -> Callable[[Path], Corpus]:
    return lambda root: video_corpus(name, str(root / file), 16, GRID, Drawing())


def _luna16(root: Path) -> None:
    for i in range(6):
        image, labels = test_volumes.blob(i, (3, 4))
        for folder, array in ((f"subset{i % 2}", image), ("seg-lungs-LUNA16", labels)):
            (root / folder).mkdir(exist_ok=True)
            test_volume_files.write_mhd(root / folder, f"1.3.6.{i}", array)


def _volume_manifest(root: Path) -> None:
    records = []
    for i, split in enumerate(["train", "train", "test", "validation", "unlabelled"]):
        image, labels = test_volumes.blob(i)
        test_volumes.put(root / f"v/{i}.nii.gz", image)
        test_volumes.put(root / f"m/{i}.nii.gz", labels)
        mask = "" if split == "unlabelled" else f"m/{i}.nii.gz"
        records.append({"sample_id": f"s{i}", "path": f"v/{i}.nii.gz", "mask": mask, "split": split})
    pd.DataFrame(records).to_csv(root / "volumes.csv", index=False)


def _volumes(name: str, file: str = "") -> Callable[[Path], Corpus]:
    return lambda root: volume_corpus(name, str(root / file), test_volumes.SMALL)


FINE_GRAINED = ("cub200", "fgvc_aircraft", "oxford_pets")
LISTED: dict[str, Listed] = {
    "image manifest": Listed(_image_manifest, lambda root: image_corpus("manifest", str(root / "manifest.csv"), 16)),
    "face manifest": Listed(_face_manifest, lambda root: face_corpus("manifest", str(root / "faces.csv"), 16)),
    "manifest with masks": Listed(
        _masks,
        lambda root: kernel_corpus("manifest", str(root / "kernels.csv"), 16, KernelDrawing()),
    ),
    "fairface": Listed(test_faces.fairface, lambda root: face_corpus("fairface", str(root), 16), own_split=True),
    "celeba": Listed(test_faces.celeba, lambda root: face_corpus("celeba", str(root), 16), own_split=True, examples=15),
    "ip102": Listed(test_ip102.miniature, lambda root: ip102(root, 16), own_split=True, examples=15),
    **{
        name: Listed(
            test_fine_grained.TREES[name],
            lambda root, name=name: fine_grained_corpus(name, str(root), 16),
            own_split=True,
            also=("has_parts",) if name == "cub200" else (),
            examples=15,
        )
        for name in FINE_GRAINED
    },
    "crema_d": Listed(_crema_d, lambda root: emotion_corpus("crema_d", str(root))),
    "msp_face": Listed(
        test_emotional_speech.msp_face_tree,
        lambda root: emotion_corpus("msp_face", str(root)),
        also=("arousal", "valence", "dominance"),
        examples=15,
    ),
    "speech manifest": Listed(_speech_manifest, lambda root: emotion_corpus("manifest", str(root / "speech.csv"))),
    "rated manifest": Listed(_speech_manifest, lambda root: attribute_corpus("manifest", str(root / "speech.csv"))),
    "msp_podcast": Listed(_podcast, lambda root: msp_podcast(str(root))),
    "learner manifest": Listed(
        _learners,
        lambda root: pronunciation_corpus("manifest", str(root / "learners.csv")),
        also=("canonical", "accentedness"),
    ),
    "l2_arctic": Listed(
        _l2_arctic,
        lambda root: pronunciation_corpus("l2_arctic", str(root)),
        also=("canonical", "segments"),
        examples=15,
    ),
    "speechocean762": Listed(
        _speechocean, lambda root: pronunciation_corpus("speechocean762", str(root)), also=("canonical",), examples=20
    ),
    "survival manifest": Listed(
        lambda root: test_survival.write_manifest(root / "patients.csv"),
        lambda root: test_survival.manifest(root / "patients.csv"),
    ),
    "uci_har": Listed(test_wearable_files.write_uci_har, _recordings("uci_har"), ordered=True),
    "pamap2": Listed(_pamap2, _recordings("pamap2")),
    "mhealth": Listed(_mhealth, _recordings("mhealth"), ordered=True),
    "wisdm": Listed(_wisdm, _recordings("wisdm"), ordered=True),
    "hmp": Listed(_hmp, _recordings("hmp"), ordered=True),
    "wearable manifest": Listed(test_wearables.write_manifest, _recordings("manifest", "manifest.csv"), ordered=True),
    "whole slides": Listed(
        _slides, lambda root: slide_corpus("whole_slides", str(root), test_slides.TILING).tiles, a_line=40
    ),
    "slide manifest": Listed(
        _slide_list,
        lambda root: slide_corpus("manifest", str(root / "slides.csv"), test_slides.TILING).tiles,
        a_line=40,
    ),
    "kth": Listed(_kth, _videos("kth"), a_line=4),
    "ucf101": Listed(_ucf101, _videos("ucf101"), a_line=2),
    "hmdb51": Listed(_hmdb51, _videos("hmdb51"), a_line=2),
    "video manifest": Listed(_video_manifest, _videos("manifest", "videos.csv"), a_line=2),
    "decathlon": Listed(test_volumes.decathlon, _volumes("decathlon"), a_line=20),
    "luna16": Listed(_luna16, _volumes("luna16"), also=("has_mask",)),
    "volume manifest": Listed(_volume_manifest, _volumes("manifest", "volumes.csv")),
}
