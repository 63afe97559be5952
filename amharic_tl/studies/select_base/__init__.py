"""Which pretrained model to transfer: what cannot work is refused before it costs anything, the rest is scored.

``gates`` judge tokenizer, length, memory, task and licence from files alone. ``features`` are what a surviving base
makes of the task's training rows, layer by layer; ``scores`` say how well the labels can be read from them.
``fine_tuning`` and ``agreement`` check whether a score foretold what fine-tuning gave. ``study`` is the whole.
"""
