"""From an idea to a table: a spec, its runs, and what the runs say."""
