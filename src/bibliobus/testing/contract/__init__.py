"""The port as tests: what every adapter promises, for us and for whoever writes one.

    class OurLibrary(ContractLibrary):
        ils = OurILS(...)

        async def add(self, library: Library) -> None: ...

    class TestOurILS(ILSContract):
        @pytest.fixture
        async def library(self) -> ContractLibrary:
            return OurLibrary()

or, of a vendor's collection, the same with `ContractCollection` and `DigitalContract`. It needs
pytest and pytest-asyncio in its `auto` mode. The library begins empty, follows `SETTINGS`, and
takes what the tests put into it. What an adapter lacks it says with `ILS.supports` and
`ContractLender.lacks`; then it has to say `NotSupported`, and the other tests are skipped.
"""

import pytest

pytest.register_assert_rewrite(  # a failure shows what was there, in other repositories, too
    *(
        f"{__name__}.{module}"
        for module in (
            "circulation", "copies", "digital", "fees", "holds", "ils", "library", "offline",
            "patrons", "policies", "repeats", "undo",
        )
    )
)  # fmt: skip

from bibliobus.testing.contract.circulation import CirculationContract  # noqa: E402
from bibliobus.testing.contract.copies import CopiesContract  # noqa: E402
from bibliobus.testing.contract.digital import DigitalContract  # noqa: E402
from bibliobus.testing.contract.ils import ILSContract  # noqa: E402
from bibliobus.testing.contract.library import (  # noqa: E402
    INSTITUTION,
    SETTINGS,
    ContractCollection,
    ContractLender,
    ContractLibrary,
    document,
    fee,
    hold,
    item,
    loan,
    origin,
    patron,
)

__all__ = [
    "INSTITUTION",
    "SETTINGS",
    "CirculationContract",
    "ContractCollection",
    "ContractLender",
    "ContractLibrary",
    "CopiesContract",
    "DigitalContract",
    "ILSContract",
    "document",
    "fee",
    "hold",
    "item",
    "loan",
    "origin",
    "patron",
]
