"""What can be wrong with a SIP2 message.

SIP2Error
├── UnknownMessage   no message of SIP2 2.00 begins with these two characters
└── MessageTooShort  it ends inside its fixed-length part

Nothing that arrives raises anything else. Whoever reads from the wire answers or ignores; see
`connection`.
"""


class SIP2Error(Exception):
    """Base class of the protocol's errors."""


class UnknownMessage(SIP2Error):
    """No message of SIP2 2.00 begins with these two characters (spec p. 5: such are ignored)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"there is no message {code!r} in SIP2 2.00")
        self.code = code


class MessageTooShort(SIP2Error):
    """The message ends inside its fixed-length part, so its fields cannot be told apart."""

    def __init__(self, code: str, length: int, needed: int) -> None:
        super().__init__(
            f"a message {code} has at least {needed} characters before its named fields,"
            f" this one has {length}"
        )
        self.code = code
