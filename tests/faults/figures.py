"""Figures of what was measured."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of *values* that so many of a hundred do not exceed."""
    place = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(place, 1) - 1]


def describe(seconds: Sequence[float]) -> str:
    """Return how long something took: mostly, nearly always, and at most."""
    half, most = percentile(seconds, 50), percentile(seconds, 99)
    return (
        f"median {half:.2f} s, p99 {most:.2f} s, longest {max(seconds):.2f} s, "
        f"of {len(seconds)}"
    )
