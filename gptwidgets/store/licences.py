"""Which licences ask nothing of those who only use a model, and which want to be read and accepted first."""

from __future__ import annotations

# As SPDX, lower case. Others (of a company, for research only, not for commerce) have conditions of use.
OPEN = frozenset(
    {
        "0bsd",
        "afl-3.0",
        "agpl-3.0",
        "agpl-3.0-only",
        "agpl-3.0-or-later",
        "apache-2.0",
        "artistic-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsl-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "ecl-2.0",
        "epl-2.0",
        "eupl-1.2",
        "gpl-2.0",
        "gpl-3.0",
        "gpl-3.0-only",
        "gpl-3.0-or-later",
        "isc",
        "lgpl-2.1",
        "lgpl-3.0",
        "mit",
        "mpl-2.0",
        "odc-by",
        "pddl",
        "postgresql",
        "unlicense",
        "zlib",
    }
)


def wants_acceptance(licence: str, *, gated: bool = False) -> bool:
    """True where a model's licence has conditions that somebody must have read.

    Example:
        >>> wants_acceptance("Apache-2.0"), wants_acceptance("llama3.2"), wants_acceptance("MIT", gated=True)
        (False, True, True)
    """
    return gated or licence.lower() not in OPEN


def refusal(name: str, licence: str, where: str) -> str:
    """The sentence for a licence that was not accepted yet.

    Args:
        name: the model's.
        licence: SPDX, or whatever its publisher calls it.
        where: to read it.
    """
    which = f'the licence "{licence}"' if licence else "conditions that state no licence"
    return (
        f"{name} comes under {which}, which wants to be read and accepted first: read it at {where}, then "
        f'install with gw.Store().install("{name}", accept_licence=True).'
    )
