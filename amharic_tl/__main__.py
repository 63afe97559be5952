"""``python -m amharic_tl`` is ``amharic-tl``."""

from amharic_tl.cli.main import entry_point

entry_point()
