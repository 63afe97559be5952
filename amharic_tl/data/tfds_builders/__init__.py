"""TFDS builders of Amharic data sets, stored as array_record files, built and read without TensorFlow.

Importing a module here imports ``tensorflow_datasets`` and registers the builder, so that ``tfds.data_source`` knows it
too. ``checksums.tsv`` holds size and sha256 of every file, taken from copies of the public files at the pinned
revisions.
"""

# Builder name -> module here.
BUILDERS = {"afrisenti": "afrisenti", "masakhanews": "masakhanews", "trac2024": "trac2024"}
