"""How a broker behaves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How the broker behaves; all times in seconds.

    Attributes
    ----------
    refresh_s
        Between two looks at a device while circuits wait.
    reroute_s
        Between two considerations of a job that waits at a vendor.
    gain_s, gain
        A waiting job is moved only if it is predicted to end this much, and by this share, earlier elsewhere; the share
        of what is left counts anew for each move before (0.5: in half the time, then in a quarter). A move gives up a
        place in a queue for good, and predictions of queues are rough.
    stuck_s
        A job that has not ended after this long is withdrawn.
    attempts
        How often a circuit is sent, when jobs fail through no fault of their own.
    moves
        How often a waiting circuit is moved because another device has become better; then it stays, unless its
        device goes down. Moves are no attempts.
    retry_s
        Before a device that could not be reached is asked again.
    """

    refresh_s: float = 60.0
    reroute_s: float = 60.0
    gain_s: float = 30.0
    gain: float = 0.5
    stuck_s: float = 24 * 3600.0
    attempts: int = 5
    moves: int = 5
    retry_s: float = 1.0
