"""SIP2 2.00, the language of self-check terminals: messages, codec and connection, without I/O.

Needs nothing but Python's standard library, and can be used without the rest of Bibliobus:

    >>> from bibliobus.sip2 import Connection, messages
    >>> library = Connection()
    >>> library.receive_data(b"9300CNkiosk|COsecret|AY0AZF8D6" + bytes([13]))
    >>> library.next_event().message
    Login(uid_algorithm='0', pwd_algorithm='0', login_user_id='kiosk', login_password=***)
    >>> library.send(messages.LoginResponse(ok=True))
    b'941AY0AZFDFD\\r'
"""

from bibliobus.sip2 import messages
from bibliobus.sip2.codec import Message, decode
from bibliobus.sip2.connection import Close, Connection, Event, Ignored, Reply, Request
from bibliobus.sip2.dialect import PLAIN, PRESETS, Dialect, ErrorDetection, UnknownMessages
from bibliobus.sip2.errors import MessageTooShort, SIP2Error, UnknownMessage
from bibliobus.sip2.sc_connection import Failed, Response, SCConnection, SCEvent, SendAgain
from bibliobus.sip2.writing import encode

__all__ = [
    "PLAIN",
    "PRESETS",
    "Close",
    "Connection",
    "Dialect",
    "ErrorDetection",
    "Event",
    "Failed",
    "Ignored",
    "Message",
    "MessageTooShort",
    "Reply",
    "Request",
    "Response",
    "SCConnection",
    "SCEvent",
    "SIP2Error",
    "SendAgain",
    "UnknownMessage",
    "UnknownMessages",
    "decode",
    "encode",
    "messages",
]
