"""How fast something goes, and when it will be done, from what it reports of itself."""

from __future__ import annotations

from collections import deque
from statistics import median

# One rate a step; the estimate is the median of the rates of the last half minute.
STEP, KEPT = 0.5, 60


class Pace:
    """A speed that neither a jump nor a pause throws off.

    A file that was there already makes the count jump, and a mean would promise an end that does not come:
    the median of the last rates does not see it. What says nothing any more slows down all the same.

    Example:
        >>> pace = Pace()
        >>> for second in range(5):
        ...     pace.tell(10.0 * second, second)
        >>> pace.speed(4.0), pace.left(100, 4.0)
        (10.0, 6.0)
    """

    def __init__(self) -> None:
        self._rates: deque[float] = deque(maxlen=KEPT)
        self._since: tuple[float, float] | None = None  # (time, done) at the last step
        self._done = 0.0

    def tell(self, done: float, now: float) -> None:
        """Takes note of how much is done.

        Args:
            done: in any unit.
            now: seconds of a clock that does not go back.
        """
        self._done = done
        if self._since is None or done < self._since[1]:  # it has begun, or begun anew
            self._rates.clear()
            self._since = (now, done)
        elif now - self._since[0] >= STEP:
            then, before = self._since
            # a long silence counts for as many steps as it took
            steps = min(KEPT, max(1, round((now - then) / STEP)))
            self._rates.extend([(done - before) / (now - then)] * steps)
            self._since = (now, done)

    def speed(self, now: float) -> float | None:
        """Units a second; None before there is anything to go by."""
        if self._since is None:
            return None
        silent = now - self._since[0]
        rates = list(self._rates)
        if silent > (4 * STEP if rates else STEP):
            rates += [(self._done - self._since[1]) / silent] * round(silent / STEP)
        return median(rates[-KEPT:]) if rates else None

    def left(self, total: float | None, now: float) -> float | None:
        """Seconds to the end; None where nobody can say."""
        speed = self.speed(now)
        if total is None or not speed or speed < 0:
            return None
        return max(0.0, total - self._done) / speed
