"""Which licences ask nothing of those who only use a model, and which want to be read and accepted first."""

from __future__ import annotations

import re

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

# More of SPDX's list that models, their data and their code come under, lower case.
_MORE = """
    aal afl-1.1 afl-1.2 afl-2.0 afl-2.1 agpl-1.0-only agpl-1.0-or-later apache-1.0 apache-1.1 apsl-2.0
    artistic-1.0 blueoak-1.0.0 bsd-2-clause-patent bsd-3-clause-clear bsd-3-clause-lbnl bsd-4-clause
    busl-1.1 c-uda-1.0 cc-by-1.0 cc-by-2.0 cc-by-2.5 cc-by-nc-1.0 cc-by-nc-2.0 cc-by-nc-2.5 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nc-nd-1.0 cc-by-nc-nd-2.0 cc-by-nc-nd-2.5 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
    cc-by-nc-sa-1.0 cc-by-nc-sa-2.0 cc-by-nc-sa-2.5 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-1.0
    cc-by-nd-2.0 cc-by-nd-2.5 cc-by-nd-3.0 cc-by-nd-4.0 cc-by-sa-1.0 cc-by-sa-2.0 cc-by-sa-2.5 cddl-1.0
    cddl-1.1 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 cecill-2.1 cecill-b cecill-c
    cern-ohl-p-2.0 cern-ohl-s-2.0 cern-ohl-w-2.0 cpl-1.0 dl-de-by-2.0 dl-de-zero-2.0 elastic-2.0 epl-1.0
    eupl-1.1 gfdl-1.2-only gfdl-1.2-or-later gfdl-1.3-only gfdl-1.3-or-later gpl-1.0-only gpl-1.0-or-later
    gpl-2.0-only gpl-2.0-or-later lal-1.3 lgpl-2.0-only lgpl-2.0-or-later lgpl-2.1-only lgpl-2.1-or-later
    lgpl-3.0-only lgpl-3.0-or-later lppl-1.3c mit-0 mit-modern-variant mpl-1.1
    mpl-2.0-no-copyleft-exception ms-pl ms-rl mulanpsl-2.0 ncsa nlod-2.0 o-uda-1.0 odbl-1.0 odc-by-1.0
    ofl-1.1 ogl-uk-3.0 osl-3.0 parity-7.0.0 polyform-noncommercial-1.0.0 polyform-small-business-1.0.0
    python-2.0 sspl-1.0 upl-1.0 vim w3c wtfpl x11 zpl-2.1
"""
KNOWN = OPEN | frozenset(_MORE.split())


def is_known(licence: str) -> bool:
    """True for SPDX's name of a licence, or several with OR or AND between them.

    Example:
        >>> is_known("MIT OR Apache-2.0"), is_known("CC-BY-NC-4.0"), is_known("mine")
        (True, True, False)
    """
    names = re.split(r"\s+(?:OR|AND)\s+", licence.strip().removeprefix("(").removesuffix(")"))
    return all(name.lower() in KNOWN for name in names)


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
        f'gw.load("{name}", accept_licence=True) or gw.Store().install("{name}", accept_licence=True).'
    )
