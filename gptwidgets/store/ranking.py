"""Stars put in order by what is certain of them: one review of five stars is not better than fifty of four.

The lower bound of a Bayesian credible interval of the mean, with one imagined review of each number of stars
as the prior: Evan Miller, "Ranking Items With Star Ratings" (2014),
https://www.evanmiller.org/ranking-items-with-star-ratings.html
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

STARS: tuple[int, ...] = (1, 2, 3, 4, 5)
_Z = 1.65  # the bound holds with 95 %


def mean(counts: Mapping[int, int]) -> float | None:
    """The plain mean; None where nobody has said anything.

    Args:
        counts: how many reviews there are by number of stars, 1 to 5.
    """
    n = sum(counts.values())
    return sum(stars * count for stars, count in counts.items()) / n if n else None


def bound(counts: Mapping[int, int]) -> float | None:
    """The number of stars that the true mean is above of, with 95 %; None where nobody has said anything.

    Args:
        counts: how many reviews there are by number of stars, 1 to 5.

    Example:
        >>> bound({5: 1}) < bound({4: 50})
        True
    """
    n = sum(counts.values())
    if not n:
        return None
    share = {stars: (counts.get(stars, 0) + 1) / (n + len(STARS)) for stars in STARS}
    first = sum(stars * part for stars, part in share.items())
    second = sum(stars * stars * part for stars, part in share.items())
    return first - _Z * sqrt((second - first * first) / (n + len(STARS) + 1))
