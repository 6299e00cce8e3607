"""What can be set about the pretended vendor and the library that it serves.

The page, the admin calls and the reference page all read these fields and what they say.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

Era = Literal["E1", "E2", "E3", "E4"]
Tie = Literal["already-first", "limit-first"]

_Status = Annotated[int, Meta(ge=200, le=599)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000)]
_Days = Annotated[int, Meta(ge=1, le=3650)]


class VendorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One library's agreement with the vendor, and what the vendor is like.

    Those that the contract leaves open are statuses and switches here, so that a client can be
    tried with each. Source: spec/oneclick-api.md, sections 1, 8 and 9.
    """

    library_id: Annotated[int, Meta(ge=1, le=2**31, description="The vendor's number for it.")] = (
        1931
    )
    library_name: Annotated[str, Meta(description="As deltas tell it.")] = "Sandbox Public Library"
    token: Annotated[str, Meta(description="The partner token; empty: one is made, and kept.")] = ""
    era: Annotated[
        Era,
        Meta(
            description="How the vendor spoke: E1 from 2016, E2 from 2017, E3 from 2018, E4 2020."
        ),
    ] = "E1"

    checkout_limit: Annotated[_Count, Meta(description="Loans that a patron may have.")] = 10
    hold_limit: Annotated[
        _Count | None, Meta(description="Holds that a patron may have; none: as many as wished.")
    ] = None
    holds_at_limit: Annotated[
        bool, Meta(description="Holds are taken from a patron at the checkout limit.")
    ] = False
    already_or_limit: Annotated[
        Tie, Meta(description="Which is told of a patron at the limit who has the title already.")
    ] = "already-first"
    ebook_days: Annotated[_Days, Meta(description="Longest loan of an eBook, in days.")] = 21
    eaudio_days: Annotated[_Days, Meta(description="Longest loan of an eAudio, in days.")] = 14
    renewals: Annotated[_Count, Meta(description="How often a loan may be renewed.")] = 1
    shows_not_owned: Annotated[
        bool, Meta(description="Titles that the library does not own are shown as well.")
    ] = False

    tells_expiration: Annotated[
        bool, Meta(description="The answer to a checkout has the loan's last day.")
    ] = False
    holds_stay_listed: Annotated[
        bool,
        Meta(
            description="A hold that became a loan is still listed, until the daemon comes again."
        ),
    ] = False
    tick_seconds: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="How often the daemon comes by itself; none: only when asked."),
    ] = None

    permission_status: Annotated[
        _Status, Meta(description="Status of the text about a wrong token or too many calls.")
    ] = 401
    unknown_library_status: Annotated[
        _Status, Meta(description="Status of the text about a library that is not this one.")
    ] = 200
    malformed_id_status: Annotated[
        _Status, Meta(description="Status of the text about what is no ISBN, number or medium.")
    ] = 200
    duplicate_patron_status: Annotated[
        _Status,
        Meta(description="Status of the text about an account that exists; 500 in some eras."),
    ] = 409
    expired_link_status: Annotated[
        _Status, Meta(description="Status of a file whose link is too old.")
    ] = 403
    lookup_fails_on_letters: Annotated[
        bool,
        Meta(
            description="Looking up an unknown value that has letters fails with 500, as was seen"
            " in 2016."
        ),
    ] = False
    refuses_escaped_blanks: Annotated[
        bool, Meta(description="%20 in a path is refused as a blank is.")
    ] = True
    refuses_basic_on_downloads: Annotated[
        bool, Meta(description="Before E4, access documents are refused to partner tokens.")
    ] = True
    snapshot_gaps: Annotated[
        bool, Meta(description="Some days have no snapshot of the holdings.")
    ] = False

    link_seconds: Annotated[
        Annotated[int, Meta(ge=0)], Meta(description="How long the link to a file works.")
    ] = 900
    bearer_hours: Annotated[
        Annotated[int, Meta(ge=0)], Meta(description="How long a patron's token works.")
    ] = 24
    whole_audio: Annotated[
        bool, Meta(description="Audio parts are as long as they say, not their first ten seconds.")
    ] = False

    def loan_days(self, medium: str) -> int:
        """The longest loan of a medium."""
        return self.eaudio_days if medium == "eAudio" else self.ebook_days


CHOICES: dict[str, tuple[str, ...]] = {"era": get_args(Era), "already_or_limit": get_args(Tie)}
FIXED = ("library_id", "token")  # what clients were told; only a new start changes it


def described() -> dict[str, str]:
    """What each setting means, by its name."""
    hints = get_type_hints(VendorSettings, include_extras=True)
    return {name: _description(hints[name]) for name in VendorSettings.__struct_fields__}


def _description(hint: object) -> str:
    metas = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Meta)]
    return next(str(each.description) for each in metas if each.description)


def changed(settings: VendorSettings, changes: dict[str, object]) -> VendorSettings:
    """The settings with some others, which may come as text, as forms send them.

    Raises:
        ValueError: There is no such setting, or it cannot be that.
    """
    for name in FIXED:
        if name in changes:
            raise ValueError(f"{name} is what clients were told; start another sandbox instead.")
    given = {name: None if value == "" else value for name, value in changes.items()}
    for name in ("library_name",):
        if given.get(name, "") is None:
            given[name] = ""
    whole = msgspec.to_builtins(settings) | given
    return msgspec.convert(whole, VendorSettings, strict=False)
