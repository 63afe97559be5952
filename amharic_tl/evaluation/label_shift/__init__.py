"""How labels are distributed in data whose labels nobody has seen, and what follows for predictions.

All of it rests on one assumption: texts of a class look alike in both domains, and only the classes' shares differ.
"""

from amharic_tl.evaluation.label_shift.correction import corrected
from amharic_tl.evaluation.label_shift.estimate import bbse, conditional_confusion, expectation_maximisation
from amharic_tl.evaluation.label_shift.shift import label_shift, shift_sentences

__all__ = ["bbse", "conditional_confusion", "corrected", "expectation_maximisation", "label_shift", "shift_sentences"]
