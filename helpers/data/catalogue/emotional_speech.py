"""Speech with emotion labels."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.emotional_speech:emotion_corpus"
_ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".mp4", ".flv", ".avi", ".mkv", ".mov", ".webm")

ENTRIES = (
    CatalogueEntry(
        "talking_faces", "speech", "simulated speakers with emotion in voice and face, eight emotions", "40 MB",
        "none: made by this package with eSpeak NG", "made when it is first asked for",
        "helpers.data.simulated.talking_faces:few_talking_faces", simulated=True, carried_by="helpers",
    ),
    CatalogueEntry(
        "ravdess", "speech", "RAVDESS: 24 actors, 8 emotions, 2 sentences, 1,440 spoken clips; sound or video",
        "0.6 GB sound, 25 GB with video", "CC BY-NC-SA 4.0", "Zenodo record 1188976 (Audio_Speech_Actors_01-24.zip)",
        _READER, looks_like=("Actor_01/0?-01-*.wav", "Actor_01/0?-01-*.mp4", "*/Actor_01/0?-01-*.wav"),
        samples=_ENDINGS,
    ),
    CatalogueEntry(
        "crema_d", "speech", "CREMA-D: 91 actors, 6 emotions, 12 sentences, 7,442 clips; sound or video",
        "0.6 GB sound", "Open Database License", "github.com/CheyneyComputerScience/CREMA-D (Git LFS)", _READER,
        looks_like=("AudioWAV/1001_*.wav", "VideoFlash/1001_*.flv", "1001_*_*_*.wav"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "emo_db", "speech", "EMO-DB: 10 German actors, 7 emotions, 10 sentences, 535 clips", "50 MB",
        "free for research (Burkhardt et al. 2005)", "emodb.bilderbar.info, download.zip", _READER,
        looks_like=("wav/03a01??.wav", "03a01??.wav"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "msp_face", "speech", "MSP-Face: online videos, 9,370 labelled and 17,955 unlabelled segments, 491 speakers",
        "as much as is still online", "for research, on request at the MSP lab (Vidal et al. 2020)",
        "github.com/3loi/MSP_Face: links, segment times and label_consensus.json", _READER,
        looks_like=("label_consensus.json", "labels_concensus.json", "Labels/label_consensus.json"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "speech", "any speech that a table names, with emotion labels", "yours", "yours",
        "write a CSV or Parquet file with path, label and subject, and optionally split, arousal, valence, dominance, "
        "tracks", _READER,
    ),
)  # fmt: skip
