"""Counter differences tell the truth between instants, whatever is scraped, restarted or missing."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.prometheus.counting import count, sums
from turnout.prometheus.grid import Grid

GRID = Grid(1_800_000_000.0, 30.0, 16, trial=4)
LENGTH = int(GRID.step * (GRID.count - 1))

Process = tuple[float, list[float], list[float]]
"""Start, times of searches, times of scrapes; Unix seconds."""


@st.composite
def pods(draw: st.DrawFn) -> list[Process]:
    """The processes of a pod, one after the other, at arbitrary times before, in and after the grid."""
    answer, at = [], GRID.start + draw(st.integers(-300, LENGTH - 60))
    for _ in range(draw(st.integers(1, 3))):
        length = draw(st.integers(5, 400))
        moments = st.integers(1, 10 * length).map(lambda tenth, at=at: at + tenth / 10)
        often = draw(st.sampled_from([7.0, 15.0, 29.0]))
        scrapes = np.arange(at + draw(st.floats(0.1, often)), at + length, often)
        missed = draw(st.sets(st.integers(0, 60)))
        searches = draw(st.lists(moments, max_size=30))
        answer.append((at, sorted(searches), [float(s) for n, s in enumerate(scrapes) if n not in missed]))
        at += length + draw(st.integers(2, 40))
    return answer


def seen(pod: list[Process]) -> dict[int, tuple[int, float]]:
    """At each instant at which the pod was scraped since the one before: which process, and the time of the scrape."""
    answer = {}
    for place, at in enumerate(GRID.times):
        recent = [(s, n) for n, (_, _, scrapes) in enumerate(pod) for s in scrapes if at - GRID.step < s <= at]
        if recent:
            scrape, process = max(recent)
            answer[place] = (process, scrape)
    return answer


def arrays(pod: list[Process]) -> tuple[np.ndarray, np.ndarray]:
    """A counter and the process' start at each instant, as `count` takes them."""
    values, starts = np.zeros(GRID.count), np.full(GRID.count, np.nan)
    for place, (process, scrape) in seen(pod).items():
        start, searches, _ = pod[process]
        values[place], starts[place] = sum(search <= scrape for search in searches), start
    return values, starts


def expected(pod: list[Process], visible: dict[int, tuple[int, float]], begin: int, end: int) -> int:
    """Searches between two instants, told process by process from its searches; not by differences of windows."""
    total, first_process = 0, True
    for number, (start, searches, _) in enumerate(pod):
        own = {place: scrape for place, (process, scrape) in visible.items() if process == number}
        if not own:
            continue
        first = min(own)
        counted_from_start = not first_process or (first > 0 and start > GRID.times[first - 1])
        base = -np.inf if counted_from_start else own[first]
        first_process = False
        low = max((scrape for place, scrape in own.items() if place <= begin), default=base)
        high = max((scrape for place, scrape in own.items() if place <= end), default=base)
        total += sum(low < search <= high for search in searches)
    return total


@settings(max_examples=100, deadline=None)
@given(st.lists(pods(), min_size=1, max_size=3))
def test_every_search_that_scrapes_tell_of_is_counted_once_between_instants(world: list[list[Process]]) -> None:
    values, starts = (np.array(each) for each in zip(*map(arrays, world), strict=True))
    counted = count(values[None], starts, GRID)
    kept = np.nonzero(~counted.unseen)[0]
    if len(kept) < 2:
        return
    visible = [seen(pod) for pod in world]
    windows = sums(counted.increases, kept)[0]
    for place, (begin, end) in enumerate(pairwise(kept)):
        assert [expected(*pod, begin, end) for pod in zip(world, visible, strict=True)] == list(windows[:, place])


@settings(max_examples=50, deadline=None)
@given(pods())
def test_no_window_ends_where_a_process_was_out_of_sight(pod: list[Process]) -> None:
    values, starts = arrays(pod)
    unseen = count(values[None, None], starts[None], GRID).unseen
    places = seen(pod)
    for number in range(len(pod)):
        own = [place for place, (process, _) in places.items() if process == number]
        for before, after in pairwise(own):
            assert unseen[before + 1 : after].all()


def test_pods_that_are_all_scraped_lose_nothing() -> None:
    pod = [
        (
            GRID.start - 100,
            [GRID.start + n for n in range(LENGTH + 1)],
            [GRID.start + n for n in range(0, LENGTH + 1, 10)],
        )
    ]
    values, starts = arrays(pod)
    counted = count(values[None, None], starts[None], GRID)
    assert not counted.unseen.any()
    assert counted.tracked.all()
    assert (counted.increases == 30).all()


def test_a_boot_time_that_moves_by_a_second_is_no_restart() -> None:
    starts = np.full((1, GRID.count), GRID.start - 100.0)
    starts[0, 8:] += 1.0
    counted = count(np.full((1, 1, GRID.count), 5.0), starts, GRID)
    assert (counted.increases == 0).all()


def test_a_process_that_was_born_in_a_hole_needs_no_longer_window() -> None:
    starts = np.full((1, GRID.count), GRID.start - 100.0)
    starts[0, 5:8] = np.nan
    starts[0, 8:] = GRID.times[7] + 10.0
    values = np.where(np.arange(GRID.count) < 8, 5.0, 3.0)[None, None]
    counted = count(values, starts, GRID)
    assert not counted.unseen.any()
    assert counted.increases[0, 0, 7] == 3


def test_old_values_that_are_repeated_are_not_taken_from_a_young_process() -> None:
    starts = np.full((1, GRID.count), np.nan)
    starts[0, 3:] = GRID.times[2] + 5.0
    values = np.where(np.arange(GRID.count) < 3, 50.0, 60.0)[None, None]
    assert list(count(values, starts, GRID).increases[0, 0, :4]) == [0, 0, 60, 0]
