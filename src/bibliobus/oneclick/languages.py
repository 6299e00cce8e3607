"""What the vendor calls languages: English names, and the tokens it makes of them.

The first part is the vendor's whole list of 2016; the second has what other libraries may have.

Source: spec/oneclick-api 1.7 (facets), 2.2 (the language table).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Language(NamedTuple):
    """One language: BCP 47's shortest tag, and the three letters that catalogues use."""

    tag: str
    alpha3: str


_TABLE = """
arabic ar ara
bulgarian bg bul
chinese zh chi
croatian hr hrv
czech cs cze
danish da dan
dutch-flemish nl dut
english en eng
estonian et est
finnish fi fin
french fr fre
german de ger
greek-modern-1453 el gre
hungarian hu hun
irish ga gle
italian it ita
korean ko kor
latin la lat
norwegian no nor
persian fa per
polish pl pol
portuguese pt por
romanian ro rum
russian ru rus
scots sco sco
spanish es spa
swedish sv swe
turkish tr tur
welsh cy wel

albanian sq alb
armenian hy arm
basque eu baq
bengali bn ben
catalan ca cat
dutch nl dut
flemish nl dut
greek el gre
hebrew he heb
hindi hi hin
icelandic is ice
indonesian id ind
japanese ja jpn
latvian lv lav
lithuanian lt lit
malay ms may
punjabi pa pan
scottish-gaelic gd gla
serbian sr srp
slovak sk slo
slovenian sl slv
somali so som
swahili sw swa
tagalog tl tgl
tamil ta tam
thai th tha
ukrainian uk ukr
urdu ur urd
vietnamese vi vie
yiddish yi yid
"""


def _rows() -> Iterator[tuple[str, Language]]:
    for line in _TABLE.split("\n"):
        if line:
            name, tag, alpha3 = line.split()
            yield name, Language(tag, alpha3)


LANGUAGES: Mapping[str, Language] = dict(_rows())
"""By the vendor's token."""


def token(words: str) -> str:
    """The vendor's token for some words: `Greek, Modern (1453-)` is `greek-modern-1453`."""
    return re.sub("[^a-z0-9]+", "-", words.casefold()).strip("-")


def language(name: str | None) -> Language | None:
    """The language of this name, or this token; None if it is none that we know."""
    return LANGUAGES.get(token(name or ""))
