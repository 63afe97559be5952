"""The typed schema of a run: every leaf a user can set, its default, its type and its bounds.

A config is built in this order: the defaults of the schema, then a preset or file, then the command line; then it is
validated as a whole, before any input is opened. A misspelt key is refused with the nearest right one.
"""

from amharic_tl.config.adapt import AdaptConfig
from amharic_tl.config.build import MAY_CHANGE_ON_RESUME, build_config, differences
from amharic_tl.config.data import DataConfig
from amharic_tl.config.mixture import MixtureConfig
from amharic_tl.config.optim import OptimConfig
from amharic_tl.config.safety import SafetyConfig
from amharic_tl.config.schema import Config, flatten, leaves, to_dict
from amharic_tl.config.task import TaskConfig
from amharic_tl.config.train import TrainConfig
from amharic_tl.config.transfer import TransferConfig

__all__ = [
    "MAY_CHANGE_ON_RESUME",
    "AdaptConfig",
    "Config",
    "DataConfig",
    "MixtureConfig",
    "OptimConfig",
    "SafetyConfig",
    "TaskConfig",
    "TrainConfig",
    "TransferConfig",
    "build_config",
    "differences",
    "flatten",
    "leaves",
    "to_dict",
]
