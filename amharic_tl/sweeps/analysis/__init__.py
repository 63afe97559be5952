"""What the runs of a sweep say: arms against the control, factors, and tables and plots for a paper."""

from amharic_tl.sweeps.analysis.analysis import Analysis, analyse
from amharic_tl.sweeps.analysis.write import write_tables

__all__ = ["Analysis", "analyse", "write_tables"]
