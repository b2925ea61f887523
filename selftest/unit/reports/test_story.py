"""The findings as stories: each once, under what explains it, and none lost."""

from __future__ import annotations

import pytest

from selftest.unit.reports import samples
from sickbay.reports.picture import picture
from sickbay.reports.story import blind, groups, stories


def outline(diagnosis: object) -> list[tuple[int, str]]:
    return [
        (depth, str(node.finding.ref))
        for story in stories(diagnosis)
        for depth, node in story.walk()
    ]


def test_chain_of_three_is_one_story_in_order() -> None:
    """The endpoint names both others, yet hangs under the nearer one."""
    assert outline(samples.chain()) == [
        (0, "host.disk-filling on app1"),
        (1, "host.unit-failed on app1"),
        (2, "endpoint.wrong-status on api"),
    ]
    (root,) = samples.chain().roots
    assert [str(ref) for ref in root.explains] == [
        "host.unit-failed on app1",
        "endpoint.wrong-status on api",
    ]


def test_circle_of_explanations_is_told_once_and_ends() -> None:
    """The engine breaks circles; a renderer that meets one must neither loop nor drop it."""
    assert sorted(name for _, name in outline(samples.circle())) == [
        "host.a on t",
        "host.b on t",
        "host.c on t",
    ]


def test_finding_whose_explanation_was_not_judged_tells_its_own_story() -> None:
    """A run that ended early has findings whose parents are unknown."""
    (story,) = stories(samples.orphan())
    assert [str(ref) for ref in story.lost] == ["host.overloaded on app1"]
    assert [root.symptom for root in samples.orphan().roots] == ["endpoint.slow"]


def test_finding_with_two_roots_stands_under_the_first_and_names_the_other() -> None:
    """Nothing is told twice, no link is hidden."""
    diagnosis = samples.of(
        samples.verdict("host.a", "t", "finding"),
        samples.verdict("host.b", "t", "finding"),
        samples.verdict(
            "host.c",
            "t",
            "finding",
            explained_by=[samples.ref("host.a", "t"), samples.ref("host.b", "t")],
        ),
    )
    assert outline(diagnosis) == [(0, "host.a on t"), (1, "host.c on t"), (0, "host.b on t")]
    assert [str(ref) for ref in stories(diagnosis)[0].children[0].also] == ["host.b on t"]


@pytest.mark.parametrize("name", samples.EVERY)
def test_every_finding_is_told_exactly_once(name: str) -> None:
    """Whatever the diagnosis looks like."""
    diagnosis = samples.EVERY[name]()
    told = [node for _, node in outline(diagnosis)]
    assert sorted(told) == sorted(str(f.ref) for f in diagnosis.findings if f.waiver is None)


def test_same_finding_on_many_targets_is_one_group() -> None:
    """A dead network is one line, not a thousand."""
    (group,) = groups(stories(samples.all_unreachable(50)))
    assert len(group.targets) == 50
    assert len(group.hidden()) == 150


def test_stories_with_consequences_are_not_put_together() -> None:
    """What follows from which would otherwise be blurred."""
    verdicts = []
    for name in ("a", "b"):
        verdicts.append(samples.verdict("host.disk-filling", name, "finding"))
        verdicts.append(
            samples.verdict(
                "host.unit-failed",
                name,
                "finding",
                explained_by=[samples.ref("host.disk-filling", name)],
            )
        )
    assert len(groups(stories(samples.of(*verdicts)))) == 2


def test_blind_spots_with_the_same_reason_are_told_once() -> None:
    """Three tests on one target, one remedy."""
    (spot,) = blind(samples.rich())
    assert (spot.targets, spot.reason, spot.number) == (["main"], "denied", 3)
    assert spot.remedies == ["GRANT pg_monitor TO monitor;"]


def test_same_blind_spot_on_many_targets_is_told_once() -> None:
    """Targets of which the same is to be said stand together."""
    gap = samples.Gap(reason="denied", detail="no", remedy="grant it")
    diagnosis = samples.of(
        *(samples.verdict("postgres.x", f"db{n}", "not_evaluated", gap=gap) for n in range(9))
    )
    (spot,) = blind(diagnosis)
    assert len(spot.targets) == 9


def test_findings_are_weighed_before_what_could_merely_not_be_looked_at() -> None:
    """A chain that hurts users comes before a spare host that is off."""
    assert [root.symptom for root in samples.rich().roots][:2] == [
        "host.disk-filling",
        "host.unreachable",
    ]


def test_picture_places_targets_right_of_what_they_rest_on() -> None:
    """The drawing reads from cause to consequence."""
    drawn = picture(samples.rich())
    assert drawn is not None
    x = {box.target.name: box.x for box in drawn.boxes}
    assert x["app1"] < x["api"] < x["shop"]
    assert x["db1"] < x["main"] < x["api"]
    assert sum(edge.ill for edge in drawn.edges) == 2
    assert all(box.y >= 0 and box.y < drawn.height for box in drawn.boxes)


def test_picture_of_unrelated_targets_is_none() -> None:
    """Boxes without lines say less than the tiles."""
    assert picture(samples.healthy()) is None
