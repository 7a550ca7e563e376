"""Runs named steps in parallel, each as soon as those that it needs are done; the cluster starts along them."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Step:
    name: str
    needs: tuple[str, ...]
    run: Callable[[], object]


def run_steps(steps: Sequence[Step], *, give_up: Callable[[], None]) -> None:
    """Run all steps and return when they are done.

    `give_up` is called when one fails or the caller is interrupted: it must make the others end soon. The first
    failure is raised. A need that is no step's name, or a circle, is a mistake in the table of steps.
    """
    futures: dict[str, Future[object]] = {}

    def run(step: Step) -> None:
        for need in step.needs:
            futures[need].result()
        step.run()

    ordered = _in_order(steps)
    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        try:
            for step in ordered:
                futures[step.name] = pool.submit(run, step)
            done, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            give_up()
            raise


def _in_order(steps: Sequence[Step]) -> list[Step]:
    """Needs before those that need them."""
    left = {step.name: step for step in steps}
    ordered: list[Step] = []
    while left:
        free = [step for step in left.values() if not any(need in left for need in step.needs)]
        unknown = {need for step in steps for need in step.needs} - {step.name for step in steps}
        if not free or unknown:
            raise ValueError(f"steps that can't be ordered: {sorted(left)}, unknown: {sorted(unknown)}")
        ordered.extend(left.pop(step.name) for step in free)
    return ordered
