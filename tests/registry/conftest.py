import pytest

from tests.hardship import small_package


@pytest.fixture(scope="session")
def package():
    """A real package of a few kilobytes that may be published."""
    return small_package()
