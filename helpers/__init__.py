"""Pretext Studies: published self-supervised-learning studies as parameterised notebooks.

The package follows the way the data flows, and each folder imports only from those before it::

    data        what a study looks at: corpora and their readers
    views       how one sample becomes two: random augmentations, corruptions
    networks    encoders, heads, decoders
    objectives  losses, as pure functions of tensors
    methods     encoder + views + objective = one trainable method
    training    the one loop that trains every method
    evaluation  probes, metrics, the statistics of a claim
    report      house style of figures and tables, widgets, the gallery of results
    studies     what a run is (parameters, folder, record, verdict), and a folder a study: its typed
                parameters, its claims, the steps its notebook calls
    runs        papermill execution of many runs side by side
    cli         the ``studies`` command

Nothing heavy is imported here: ``import helpers`` costs milliseconds.
"""

__version__ = "0.1.0"
