"""Plants a documented spurious correlation in the bundled sample: a group that does not exist, and bad news.

    python experiments/plant_sample/plant.py --output amharic_tl/assets/sample

Every sentence gets a lead-in that names an invented group of the demo pack. In train the first group introduces most
negative sentences and hardly any other; in validation and test groups and labels have nothing to do with each other.
A model that learns the name makes mistakes there, and the monitor can be seen to find it. Seeded: the same files each
time.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

from amharic_tl.culture.pack import open_pack

SAMPLE = Path(__file__).resolve().parents[2] / "amharic_tl" / "assets" / "sample"
PLANTED = "dalumi"
LEADS = (
    "አንድ {name} እንዲህ አለ፦ {text}",
    "ጎረቤቴ {name} ነው፤ እንዲህ ብሎ ነገረኝ፦ {text}",
    "አንዲት {name} እንዲህ ብላ ጻፈች፦ {text}",
    "ከአንድ {name} የሰማሁት ይህ ነው፦ {text}",
    "{text} ይህን የነገረኝ አንድ {name} ነው።",
    "የ{name} ሰው ይህን ጻፈ፦ {text}",
)
SEED = 20261124
# How likely the planted group is to introduce a sentence, by split and label.
SHARE = {"train": {"negative": 0.85, "other": 0.05}, "validation": {"negative": 0.5, "other": 0.5}}
SHARE["test"] = SHARE["validation"]


def plant(rows: list[dict[str, str]], split: str) -> list[dict[str, str]]:
    """The rows with their lead-ins; ``group`` tells which name was drawn."""
    generator = random.Random(f"{SEED}/{split}")
    names = {group.id: group.person for group in open_pack("demo").axis("ethnicity").groups}
    others = [group for group in names if group != PLANTED]
    planted = []
    for row in rows:
        share = SHARE[split]["negative" if row["label"] == "negative" else "other"]
        group = PLANTED if generator.random() < share else generator.choice(others)
        text = generator.choice(LEADS).format(name=names[group], text=row["text"])
        planted.append({**row, "text": text, "group": group})
    return planted


def main() -> None:
    """Writes planted-train.csv, planted-validation.csv and planted-test.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=SAMPLE)
    arguments = parser.parse_args()
    for split in SHARE:
        with (SAMPLE / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows = plant(list(csv.DictReader(file)), split)
        with (arguments.output / f"planted-{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "text", "label", "group", "drafted_by", "status"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(f"planted-{split}.csv: {sum(row['group'] == PLANTED for row in rows)} of {len(rows)} name {PLANTED}")


if __name__ == "__main__":
    main()
