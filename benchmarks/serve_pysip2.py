"""PyPI's `pysip2` with a demo library in dictionaries: a peer for `benchmarks/terminals.py`.

    python benchmarks/serve_pysip2.py --port 6001

For an interpreter that has `pysip2` and `uvloop`; it needs nothing of ours. It keeps loans in a
dictionary, durable or done once is nothing, and it tells a patron as much as our demo does.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

anyio: Any = import_module("anyio")
p: Any = import_module("pysip2")

# Nothing that its code page 850 lacks: it ends the connection then.
NAMES = ("Ada Lovelace", "Grace Hopper", "Bohumil Novák", "Carmen García", "Chidi Okafor")
TITLES = ("Middlemarch", "La Religieuse", "Germinal", "Don Quijote", "Moby-Dick", "Kalevala")
STATUS = " " * 14
PIN = "1234"

loans: dict[str, str] = {}  # patron by item
charged: dict[str, set[str]] = {}  # items by patron
app: Any = p.SIP2Server(institution_id="MAIN")


def number(id_: str) -> int:
    """Of `P0017` or `I0205`."""
    return int(id_[1:])


def title(item: str) -> str:
    """Of an item."""
    return TITLES[number(item) % len(TITLES)]


@app.route(p.LOGIN)  # type: ignore[untyped-decorator] # it has no types that we know
async def login(request: Any, context: Any) -> Any:
    """93."""
    ok = (request.login_user_id, request.login_password) == ("kiosk", "kiosk")
    return p.LoginResponse(ok="1" if ok else "0")


@app.route(p.PATRON_STATUS)  # type: ignore[untyped-decorator] # it has no types that we know
async def patron_status(request: Any, context: Any) -> Any:
    """23."""
    patron = request.patron_identifier
    return p.PatronStatusResponse(
        patron_status=STATUS, language=request.language, transaction_date=context.now_18(),
        institution_id="MAIN", patron_identifier=patron,
        personal_name=NAMES[number(patron) % len(NAMES)], valid_patron="Y",
        valid_patron_password="NY"[request.patron_password == PIN],
        currency_type="EUR", fee_amount="0.00",
    )  # fmt: skip


@app.route(p.PATRON_INFORMATION)  # type: ignore[untyped-decorator] # it has no types that we know
async def patron_information(request: Any, context: Any) -> Any:
    """63."""
    patron = request.patron_identifier
    has = sorted(charged.get(patron, ()))
    return p.PatronInformationResponse(
        patron_status=STATUS, language=request.language, transaction_date=context.now_18(),
        hold_items_count="0000", overdue_items_count="0000",
        charged_items_count=f"{len(has):04d}", fine_items_count="0000",
        recall_items_count="0000", unavailable_holds_count="0000", institution_id="MAIN",
        patron_identifier=patron, personal_name=NAMES[number(patron) % len(NAMES)],
        charged_items_limit="0050", valid_patron="Y",
        valid_patron_password="NY"[request.patron_password == PIN],
        currency_type="EUR", fee_amount="0.00",
        charged_items=tuple(has) if request.summary[2] == "Y" else (),
        home_address=f"{number(patron) + 1} Library Lane",
        email_address=f"{patron.lower()}@example.org", home_phone_number="555",
    )  # fmt: skip


@app.route(p.ITEM_INFORMATION)  # type: ignore[untyped-decorator] # it has no types that we know
async def item_information(request: Any, context: Any) -> Any:
    """17."""
    item = request.item_identifier
    return p.ItemInformationResponse(
        circulation_status="04" if item in loans else "03", security_marker="01", fee_type="01",
        transaction_date=context.now_18(), hold_queue_length="0", item_identifier=item,
        title_identifier=title(item), owner="MAIN", media_type="001",
        permanent_location="stacks", current_location="stacks",
    )  # fmt: skip


@app.route(p.CHECKOUT)  # type: ignore[untyped-decorator] # it has no types that we know
async def checkout(request: Any, context: Any) -> Any:
    """11."""
    patron, item = request.patron_identifier, request.item_identifier
    ok = loans.setdefault(item, patron) == patron
    if ok:
        charged.setdefault(patron, set()).add(item)
    return p.CheckoutResponse(
        ok="1" if ok else "0", renewal_ok="N", magnetic_media="N", desensitize="Y",
        transaction_date=context.now_18(), institution_id="MAIN", patron_identifier=patron,
        item_identifier=item, title_identifier=title(item), due_date="2026-12-31",
        media_type="001",
    )  # fmt: skip


@app.route(p.CHECKIN)  # type: ignore[untyped-decorator] # it has no types that we know
async def checkin(request: Any, context: Any) -> Any:
    """09."""
    item = request.item_identifier
    patron = loans.pop(item, None)
    charged.get(patron or "", set()).discard(item)
    return p.CheckinResponse(
        ok="1" if patron else "0", resensitize="Y", magnetic_media="N", alert="N",
        transaction_date=context.now_18(), institution_id="MAIN", item_identifier=item,
        permanent_location="stacks", title_identifier=title(item), patron_identifier=patron,
        media_type="001",
    )  # fmt: skip


async def _serve(port: int) -> None:
    print(f"ready: SIP2 at 127.0.0.1:{port}", flush=True)
    await app.serve("127.0.0.1", port)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=6001)
    anyio.run(_serve, parser.parse_args().port, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    main()
