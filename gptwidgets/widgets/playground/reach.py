"""Which tokens a slider can bring into sight, so that their pieces come with the logits.

Under what stays, the page shows the first tokens that are cut. Where a slider cuts depends on its place
alone, so for each of them, moved by itself, the ranks can be told before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FIRST = 256  # ranks that any setting may show
STEPS = 1000  # places of a slider
SHOWN = 3  # tokens that are shown of those that are cut


def ranks(logits: np.ndarray[Any, Any], temperature: float) -> np.ndarray[Any, Any]:
    """The ranks whose tokens may come into sight while one slider moves.

    Args:
        logits: [V], from the largest down.
        temperature: as it stands; the temperature's own slider changes no order.

    Returns:
        Ranks, ascending.

    Example:
        >>> ranks(np.linspace(0, -30, 300), 1.0)[-3:].tolist()
        [297, 298, 299]
    """
    places = np.arange(STEPS + 1) / STEPS
    size = len(logits)
    z = (logits.astype(np.float64) - logits[0]) / (temperature or 1.0)
    weights = np.exp(z)
    below = np.cumsum(weights) / weights.sum()
    top_k = np.rint(size**places)
    top_p = np.searchsorted(below, np.unique(places.round(2))) + 1
    min_p = np.searchsorted(-weights, -(places**3).round(4), side="right")
    cuts = np.unique(np.concatenate([top_k, top_p, min_p]).astype(int))
    # One more on both sides: the page's sums may round the other way.
    shown = (cuts[:, None] + np.arange(-1, SHOWN + 1)).ravel()
    found = np.union1d(np.arange(min(FIRST, size)), shown)
    return found[(found >= 0) & (found < size)]
