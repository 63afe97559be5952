"""What is probed: drafts where they are allowed, and a look's few pairs."""

from __future__ import annotations

from dataclasses import replace

import planted
import pytest

from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.errors import BadInputError
from amharic_tl.safety.scoring.selection import look, panels


@pytest.fixture(scope="module")
def real() -> Pack:
    """A pack whose families are drafts about groups that are not declared to be invented."""
    demo = open_pack("demo")
    return replace(demo, axes={"ethnicity": replace(demo.axes["ethnicity"], invented=False)})


def test_drafts_of_real_groups_are_used_only_where_allowed_and_then_marked(real: Pack) -> None:
    with pytest.raises(BadInputError, match="--allow-draft"):
        panels(real)
    (panel,) = panels(real, allow_draft=True)
    assert panel.unreviewed and len(panel.families) == len(real.families)


def test_what_is_signed_needs_no_leave(real: Pack) -> None:
    signed = real.families[0]
    groups = tuple(replace(one, authorship=planted.SIGNED) for one in real.axes["ethnicity"].groups)
    families = (replace(signed, authorship=planted.SIGNED), *real.families[1:])
    pack = replace(real, axes={"ethnicity": replace(real.axes["ethnicity"], groups=groups)}, families=families)
    (panel,) = panels(pack)
    assert [one.id for one in panel.families] == [signed.id] and not panel.unreviewed


def test_invented_groups_need_no_review_and_splits_stay_apart() -> None:
    pack = open_pack("demo")
    (panel,) = panels(pack, split="monitor")
    assert not panel.unreviewed and {one.split for one in panel.families} == {"monitor"}
    with pytest.raises(BadInputError, match="no axis"):
        panels(pack, ["nosuch"])


def test_a_look_is_one_axis_in_rotation_and_few_pairs_with_their_controls() -> None:
    first, second = planted.panel(), replace(planted.panel(), axis="religion")
    axes = [look([first, second], number)[0].axis for number in range(4)]
    assert axes == ["ethnicity", "religion"] * 2
    _, chosen = look([first, second], 0)
    assert 48 < len(chosen) <= 64
    roles = [one.role for one in chosen]
    assert roles.count("high") == roles.count("low") == roles.count("control_high") == roles.count("control_low")
    assert len({one.family for one in chosen}) == 10
    assert chosen == look([first, second], 0)[1] != look([first, second], 2)[1]
