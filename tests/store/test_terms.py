from __future__ import annotations

import pytest

from gptwidgets.store.terms import terms

HUB = {"kind": "hub", "repository": "us/tiny"}


@pytest.mark.parametrize(
    ("licence", "said", "accept"),
    [
        ("Apache-2.0", "for business too", False),
        ("CC0-1.0", "Use it for anything.", False),
        ("GPL-3.0-only", "under the same licence", False),
        ("CC-BY-SA-4.0", "under the same licence", False),
        ("CC-BY-NC-SA-4.0", "not for business", True),
        ("CC-BY-ND-4.0", "conditions of its own", True),
        ("LicenseRef-Gemma-Terms-of-Use", "conditions of its own", True),
        ("", "Nothing here says its licence", True),
    ],
)
def test_a_licence_says_what_it_allows(licence, said, accept):
    found = terms(licence, HUB)
    assert said in found.words
    assert (found.accept, found.licence) == (accept, licence)


def test_what_is_gated_is_accepted_on_its_page_and_read_there():
    found = terms("Apache-2.0", HUB, gated=True)
    assert found.accept
    assert "log in" in found.words
    assert found.link.endswith("/us/tiny")


def test_where_it_is_read():
    assert terms("MIT", HUB).link == "https://spdx.org/licenses/MIT.html"
    assert terms("LicenseRef-Own", HUB).link.endswith("/us/tiny")
    assert terms("LicenseRef-Own", {"kind": "folder", "path": "/models/own"}).link is None
