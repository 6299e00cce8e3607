"""docs/reference/sandbox.md, made out of what the sandbox is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from msgspec import NODEFAULT

from bibliobus.sandbox.vendor.desk import ACTIONS
from bibliobus.sandbox.vendor.faults import MEANINGS
from bibliobus.sandbox.vendor.routes import ENDPOINTS
from bibliobus.sandbox.vendor.settings import VendorSettings, described

_BEGINNING = """# The sandbox

*Made by `make docs` from `src/bibliobus/sandbox/vendor/`.*

`bibliobus sandbox` pretends to be the e-book vendor OneClickdigital (later RBdigital), whose
service is gone. It prints

```
ready: OneClickdigital sandbox at http://127.0.0.1:8081/ library 1931 token 3f2a9d1c-…
```

and answers there until it is stopped. The same address in a browser is a page that shows
everything and changes it. `bibliobus sandbox --help` has the options: `--era` (E1 to E4: how the
vendor spoke in 2016, 2017, 2018, 2020), `--catalogue` (a dump of `media/all` instead of the
titles in the box), `--data` (a file that keeps everything), `--set NAME=VALUE` (any setting
below). Whoever can reach the sandbox may do anything to it, so it listens on this machine unless
`--host` says otherwise.

Answers are the vendor's, to the letter where a recording has them. What a developer wants to know
besides ("this patron needs a postalCode in E3") is in the header `Sandbox-Says`. Covers need
Pillow, the extra `web`.

In a program of one's own, inside an event loop that runs already:

```python
from bibliobus.sandbox.vendor import Vendor, VendorSettings, serving_vendor

vendor = Vendor.open(None, VendorSettings(token="…", checkout_limit=3))
async with serving_vendor(vendor) as url:
    ...
vendor.close()
```

`vendor.calls` counts the calls, `vendor.faults.add("drop-after", endpoint="checkouts/create",
times=1)` lets one go wrong, `vendor.tick()` is the daemon, `vendor.move_clock(timedelta(days=3))`
the clock, `vendor.patrons.register("1305722621")` an account; `set_copies`, `add_title`,
`remove_title` and `change_settings` do what they say.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_BEGINNING, *_endpoints(), *_actions(), *_faults(), *_settings()])


def _endpoints() -> Iterator[str]:
    yield "## What the vendor can be asked\n"
    yield "Calls are counted, and faults switched on, by the names here.\n"
    yield "| name | call | who | eras | |\n|---|---|---|---|---|"
    for each in ENDPOINTS:
        eras = each.eras[0] if len(each.eras) == 1 else f"{each.eras[0]}–{each.eras[-1]}"
        call = f"`{each.method} {each.path}`"
        yield f"| `{each.name}` | {call} | {each.auth.value} | {eras} | {each.says} |"
    yield ""


def _actions() -> Iterator[str]:
    yield "## What can be done to the sandbox\n"
    yield 'JSON in, JSON out, without a token. Errors are `{"error": …}` with 400 or 404.\n'
    yield "| call | |\n|---|---|"
    for each in ACTIONS:
        yield f"| `{each.method} {each.path}` | {inspect.getdoc(each.act)} |"
    yield "\nA patron is `card` and, if wished, `user_name`, `email`, `first_name`, `last_name`,"
    yield "`postal_code`, `password`.\n"


def _faults() -> Iterator[str]:
    yield "## What can go wrong\n"
    yield "A fault has a `kind`, and may be for so many calls (`times`), paths that begin with"
    yield "`path`, one `method`, one `endpoint`.\n"
    yield "| kind | |\n|---|---|"
    for kind, says in MEANINGS.items():
        yield f"| `{kind}` | {says} |"
    yield ""


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield "| setting | unless set | |\n|---|---|---|"
    defaults = VendorSettings.__struct_defaults__
    for (name, says), value in zip(described().items(), defaults, strict=True):
        assert value is not NODEFAULT  # noqa: S101 - all have one
        yield f"| `{name}` | {_written(value)} | {says} |"
    yield ""


def _written(value: object) -> str:
    if value is None:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else ""
