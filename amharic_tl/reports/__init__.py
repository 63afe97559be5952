"""Reports made from the files of a workdir, and from nothing else."""

from amharic_tl.reports.report import write_report

__all__ = ["write_report"]
