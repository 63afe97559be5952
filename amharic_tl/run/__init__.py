"""A whole run: ``assemble`` makes its parts, ``train`` lets them meet the loop and fills the workdir."""

from amharic_tl.run.assembly import Run, assemble
from amharic_tl.run.training import train

__all__ = ["Run", "assemble", "train"]
