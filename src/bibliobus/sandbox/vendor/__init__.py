"""The pretended OneClickdigital: a whole e-book vendor, on this machine, without a contract.

`Vendor` is the vendor; `serving_vendor` gives it an address, inside a program that runs already.
What it answers follows the recordings of the real one, which is gone; spec/oneclick-api.md says
what is known of it.
"""

from bibliobus.sandbox.vendor.faults import Fault, Faults
from bibliobus.sandbox.vendor.patrons import Patron, PatronExists
from bibliobus.sandbox.vendor.recorded import Unreadable
from bibliobus.sandbox.vendor.service import Vendor
from bibliobus.sandbox.vendor.serving import serving_vendor
from bibliobus.sandbox.vendor.settings import VendorSettings

__all__ = [
    "Fault",
    "Faults",
    "Patron",
    "PatronExists",
    "Unreadable",
    "Vendor",
    "VendorSettings",
    "serving_vendor",
]
