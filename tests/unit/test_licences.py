"""What is installed is what docs/licences.md says, and no licence is a surprise."""

from tests.licences import DOCUMENT, PERMITTED, document, licence, locked, terms


def test_every_locked_package_is_listed_with_its_licence() -> None:
    assert document() == DOCUMENT.read_text(), "run scripts/licences"


def test_every_licence_is_one_of_the_permitted() -> None:
    others = {package.name: licence(package.name) for package in locked() if terms(licence(package.name)) - PERMITTED}
    assert not others
