"""Speech with arousal, valence and dominance."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.speech_attributes:attribute_corpus"

ENTRIES = (
    CatalogueEntry(
        "simulated_speech", "speech", "eSpeak NG's voices with simulated emotion, exact phones, rooms and microphones",
        "made when asked for", "none: made by this package (eSpeak NG: GPL-3)", "nothing to get", _READER,
        simulated=True, carried_by="helpers",
    ),
    CatalogueEntry(
        "msp_podcast", "speech", "MSP-Podcast: podcast sentences with listeners' arousal, valence and dominance",
        "34,000 sentences in release 1.6; 30 GB in 1.11", "for research, on request at the MSP lab",
        "the MSP lab's page at the University of Texas at Dallas (data transfer agreement)", _READER,
        looks_like=("labels_consensus.csv", "Labels/labels_consensus.csv", "labels_concensus.csv",
                    "Labels/labels_concensus.csv"),
        samples=(".wav",),
    ),
)  # fmt: skip
