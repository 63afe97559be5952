"""Where compiled programmes are kept for the next process."""

from __future__ import annotations

from pathlib import Path

import jax

from amharic_tl.records.files import writing


def keep_compiled(folder: str | None) -> None:
    """Keeps what takes longer than a moment to compile in ``folder``, and takes from there what is there already.

    Call it before anything is compiled. None leaves it to JAX's own settings (``JAX_COMPILATION_CACHE_DIR``).

    Raises:
      CannotCreateError: the folder cannot be made.
    """
    if folder is None:
        return
    place = Path(folder).expanduser().absolute()
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
    if jax.config.jax_compilation_cache_dir != str(place):  # type: ignore[attr-defined]
        from jax.experimental.compilation_cache import compilation_cache

        jax.config.update("jax_compilation_cache_dir", str(place))
        compilation_cache.reset_cache()  # JAX looks at its setting once, perhaps before this
