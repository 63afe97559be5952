"""Systems compared on the same items: what differs, how sure that is, and for whom it holds.

Two questions are kept apart. Are these two *models* different on items like these? That is asked of one run against
another: a bootstrap and a randomisation over clusters of items, McNemar's test. Is one *way of training* better than
another? That needs several seeds: a contrast whose error has a part of seeds and a part of items, and almost stochastic
order. How often each test says "different" where nothing differs is measured in experiments/comparison_level.
"""
