"""Boxes do not overlap, lines run with the graph, and thousands of boxes are placed quickly."""

import random
import time
from itertools import pairwise

import pytest

from pipeline.reporting.layout import place


def overlap(one, other):
    return one.x < other.x + other.width and other.x < one.x + one.width and one.y < other.y + other.height and other.y < one.y + one.height


def random_graph(seed):
    chance = random.Random(seed)
    count = chance.randrange(1, 40)
    sizes = [(chance.randrange(50, 300), chance.randrange(30, 200)) for _ in range(count)]
    edges = {(chance.randrange(at), at) for at in range(1, count) for _ in range(chance.randrange(3))}
    return sizes, sorted(edges)


@pytest.mark.parametrize("widest", [0, 1e9], ids=["down", "across"])
@pytest.mark.parametrize("seed", range(40))
def test_boxes_lie_apart_and_inside_the_picture(seed, widest):
    sizes, edges = random_graph(seed)
    found = place(sizes, edges, widest=widest)
    for at, box in enumerate(found.boxes):
        assert box.x >= -0.01
        assert box.y >= -0.01
        assert box.x + box.width <= found.width + 0.01
        assert box.y + box.height <= found.height + 0.01
        assert box.width >= sizes[at][0]
        assert not any(overlap(box, other) for other in found.boxes[:at])


@pytest.mark.parametrize("widest", [0, 1e9], ids=["down", "across"])
@pytest.mark.parametrize("seed", range(40))
def test_lines_run_forward_from_box_to_box_and_through_none(seed, widest):
    sizes, edges = random_graph(seed)
    found = place(sizes, edges, widest=widest)
    along = 0 if found.across else 1
    for (source, target), stations in zip(edges, found.lines, strict=True):
        begin, end = found.boxes[source], found.boxes[target]
        assert stations[0][1][along] == pytest.approx(begin.x + begin.width if found.across else begin.y + begin.height)
        assert stations[-1][0][along] == pytest.approx(end.x if found.across else end.y)
        layers = sorted({box.x if found.across else box.y for box in found.boxes})
        passed = [layer for layer in layers if (begin.x if found.across else begin.y) <= layer <= (end.x if found.across else end.y)]
        assert len(stations) == len(passed)
        points = [point[along] for enters, leaves in stations for point in (enters, leaves)]
        assert points == sorted(points)
        for enters, _ in stations[1:-1]:
            for box in found.boxes:
                side = (box.y, box.y + box.height) if found.across else (box.x, box.x + box.width)
                depth = (box.x, box.x + box.width) if found.across else (box.y, box.y + box.height)
                inside = depth[0] <= enters[along] < depth[1] and side[0] < enters[1 - along] < side[1]
                assert not inside, (box, enters)


def test_what_belongs_to_nothing_stands_close_to_the_rest():
    """No gap is left where a box has been moved away from it."""
    found = place([(100, 50)] * 6, [(0, 2), (0, 3), (1, 2), (2, 3)], widest=1e9)
    first = sorted(box.y for box in found.boxes if box.x == 0)
    assert [round(below - above) for above, below in pairwise(first)] == [72, 72, 72]


def test_a_chain_is_straight():
    found = place([(100, 50)] * 5, [(at, at + 1) for at in range(4)], widest=1e9)
    assert {box.y for box in found.boxes} == {0.0}
    assert [box.x for box in found.boxes] == sorted(box.x for box in found.boxes)


def test_lines_that_need_not_cross_do_not():
    # Written the wrong way round: 0 -> 3, 1 -> 2.
    found = place([(100, 50)] * 4, [(0, 3), (1, 2)], widest=1e9)
    assert (found.boxes[0].y < found.boxes[1].y) == (found.boxes[3].y < found.boxes[2].y)


def test_what_is_needed_late_stands_near_to_it():
    """A source that only the last of a chain requires is no box at the far end with a line past all others."""
    found = place([(100, 50)] * 5, [(0, 1), (1, 2), (2, 3), (4, 3)], widest=1e9)
    assert found.boxes[4].x == found.boxes[2].x


@pytest.mark.parametrize("edges", [[(0, 1), (1, 0)], [(0, 1), (1, 2), (2, 0)], [(0, 0), (0, 1), (1, 2), (2, 1)]])
def test_families_that_require_each_other_are_drawn(edges):
    found = place([(100, 50)] * 3, edges, widest=1e9)
    assert not any(overlap(one, other) for at, one in enumerate(found.boxes) for other in found.boxes[:at])
    for (source, target), stations in zip(edges, found.lines, strict=True):
        assert bool(stations) == (source != target)
        assert source == target or found.boxes[source].x != found.boxes[target].x


def test_nothing_is_drawn_as_nothing():
    assert place([], [], widest=100).boxes == []


def test_a_chain_of_thousands_is_placed():
    found = place([(100, 50)] * 5000, [(at, at + 1) for at in range(4999)], widest=1000)
    assert found.width < 1000


def test_thousands_of_boxes_with_long_lines_are_placed_soon():
    chance = random.Random(3)
    edges = sorted({(chance.randrange(max(0, at - 200), at), at) for at in range(1, 3000) for _ in range(2)})
    begun = time.monotonic()
    place([(100, 50)] * 3000, edges, widest=1000)
    assert time.monotonic() - begun < 60
