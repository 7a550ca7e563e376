"""Which share of the searches a canary step really gives. For `turnout plan`; pure.

Without a traffic router Argo Rollouts has pods only: a weight is the nearest share of pods, so with ten pods there is
no 5 %. This is the choice of its release 1.10 (`approximateWeightedCanaryStableReplicaCounts`), held against its
answers in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction


def real_weights(replicas: int, weights: Iterable[int], *, surge: bool = True) -> list[tuple[int, int]]:
    """The pods of canary and stable at each weight.

    The real weight is `canary / (canary + stable)`.

    Args:
        replicas: pods of the Rollout, the autoscaler's number.
        weights: of the `setWeight` steps, in percent.
        surge: whether maxSurge allows one pod more than `replicas`.

    Raises:
        ValueError: a weight is not a percentage, or there are less than no pods.
    """
    return [_pods(replicas, weight, surge=surge) for weight in weights]


def _pods(replicas: int, weight: int, *, surge: bool) -> tuple[int, int]:
    if replicas < 0 or not 0 <= weight <= 100:
        raise ValueError(f"no canary of {weight} % with {replicas} pods")
    if replicas == 0:
        return 0, 0
    floor, ceiling = replicas * weight // 100, -(-replicas * weight // 100)
    # Between none and all both sides keep a pod, if there can be two.
    zero_allowed = weight in (0, 100) or (replicas == 1 and not surge)
    options = []
    if ceiling < replicas or zero_allowed:
        options.append((ceiling, replicas))
    if not _tied(replicas, weight) and (floor or zero_allowed):
        options.append((floor, replicas))
    if surge:
        options.append((ceiling, replicas + 1))
        if not _tied(replicas + 1, weight) and (floor or zero_allowed):
            options.append((floor, replicas + 1))
    if not options:
        return 0, replicas
    canary, total = min(options, key=lambda option: abs(Fraction(100 * option[0], option[1]) - weight))
    return canary, total - canary


def _tied(pods: int, weight: int) -> bool:
    """Whether a pod more and a pod less are equally far from the weight; then it is the pod more."""
    return pods * weight % 100 == 50
