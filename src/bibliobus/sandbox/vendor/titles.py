"""The catalogue that the vendor starts with, unless it is given another.

Well-known books that belong to everybody, as the vendor would list them: how often a key is
missing, empty or odd follows the 97 titles recorded in 2016. The ISBNs lie in 978-99999, which is
no publisher's; publishers and narrators are invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from bibliobus.sandbox.titles import TITLES
from bibliobus.sandbox.vendor.wording import article_at_end, last_name_first

IMAGES = "http://images.sandbox.invalid/"  # in answers: wherever the sandbox is
SIZES = {"small": "71x108", "medium": "95x140", "large": "128x192"}
LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek, Modern (1453-)", "en": "English", "es": "Spanish", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "hu": "Hungarian", "it": "Italian", "la": "Latin",
    "nl": "Dutch; Flemish", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sv": "Swedish", "zh": "Chinese",
}  # fmt: skip

# A BISAC heading, the vendor's genres, the audience, and which titles.
_SUBJECTS = """
FICTION / Mystery & Detective / Traditional | mystery | Adult | A Study in Scarlet; The Hound of \
the Baskervilles; The Sign of the Four; The Moonstone; The Innocence of Father Brown; The Woman in \
White; Arsène Lupin, gentleman-cambrioleur
FICTION / Thrillers / Suspense | suspense-thriller | Adult | The Thirty-Nine Steps; The Secret \
Agent; The Man Who Was Thursday; The Prisoner of Zenda
FICTION / Horror | horror | Adult | Frankenstein; Dracula; Carmilla; The Turn of the Screw; The \
Fall of the House of Usher; The Strange Case of Dr Jekyll and Mr Hyde; Le Horla; Der Sandmann; Le \
Fantôme de l'Opéra
FICTION / Science Fiction / General | sci-fi | Adult | The Time Machine; The War of the Worlds; \
The Invisible Man; The Island of Doctor Moreau; The Lost World; Voyage au centre de la Terre; \
Vingt mille lieues sous les mers; R.U.R.
FICTION / Romance / Historical / General | historical-fiction,romance | Adult | Ivanhoe; The \
Scarlet Pimpernel; Les Trois Mousquetaires; I promessi sposi; Quo vadis
FICTION / Romance / General | classics,romance | Adult | Pride and Prejudice; Sense and \
Sensibility; Emma; Persuasion; Jane Eyre; Evelina; La Dame aux camélias; Manon Lescaut
FICTION / Humorous / General | humorous-fiction | Adult | Three Men in a Boat; The Diary of a \
Nobody; The Pickwick Papers; Candide
FICTION / Contemporary Women | literary-fiction,womens-fiction | Adult | The Awakening; Mrs \
Dalloway; The Yellow Wallpaper; My Brilliant Career; Effi Briest
FICTION / Short Stories (single author) | short-stories | Adult | Dubliners; The Garden Party; \
Winesburg, Ohio; Just So Stories; Novelas ejemplares
FICTION / Westerns | western | Adult | The Last of the Mohicans; O Pioneers!; My Ántonia
JUVENILE FICTION / Fantasy & Magic | fantasy,juvenile-fiction | Childrens | Alice's Adventures in \
Wonderland; Through the Looking-Glass; Peter Pan; Five Children and It; The Wonderful Wizard of \
Oz; Le avventure di Pinocchio; Nils Holgerssons underbara resa
JUVENILE FICTION / Classics | classics,juvenile-fiction | Childrens | The Railway Children; The \
Secret Garden; A Little Princess; Black Beauty; The Wind in the Willows; The Jungle Book; Heidi; \
Little Women; Cuore
JUVENILE FICTION / Fairy Tales & Folklore / General | juvenile-fiction,short-stories | Beginning \
Reader | The Tale of Peter Rabbit; Kinder- und Hausmärchen; Contes de ma mère l'Oye; Eventyr; Max \
und Moritz; Der Struwwelpeter; Fables
YOUNG ADULT FICTION / Action & Adventure / General | juvenile-fiction | Young Adult | Treasure \
Island; Kidnapped; The Call of the Wild; White Fang; Adventures of Huckleberry Finn; The \
Adventures of Tom Sawyer; Anne of Green Gables; King Solomon's Mines; Robinson Crusoe
DRAMA / Shakespeare | drama | Adult | Hamlet; Macbeth; King Lear; Othello; Romeo and Juliet; The \
Tempest; Twelfth Night; A Midsummer Night's Dream; Much Ado About Nothing; The Merchant of \
Venice; Julius Caesar
DRAMA / European / General | classics,drama | Adult | Doctor Faustus; Volpone; Faust; Die Räuber; \
Tartuffe; Le Misanthrope; L'Avare; Phèdre; Le Cid; Et dukkehjem; Peer Gynt; La vida es sueño
POETRY / General | poetry | Adult | Paradise Lost; Songs of Innocence and of Experience; Lyrical \
Ballads; In Memoriam; Goblin Market; A Shropshire Lad; Leaves of Grass; Poems; The Raven; Les \
Fleurs du mal; Alcools; Duineser Elegien; La Divina Commedia; Canzoniere; Os Lusíadas; Rimas y \
leyendas; Azul…; Buch der Lieder; Ἰλιάς; Ὀδύσσεια; Aeneis; Metamorphoses
SCIENCE / Life Sciences / Evolution | science | Adult | On the Origin of Species
TRAVEL / Essays & Travelogues | science,travel | Adult | The Voyage of the Beagle
BUSINESS & ECONOMICS / Economics / Theory | business-economics | Adult | The Wealth of Nations; \
Das Kapital
POLITICAL SCIENCE / History & Theory | politics-and-current-events | Adult | Leviathan; Il \
Principe; Du contrat social; De la démocratie en Amérique; Πολιτεία
SOCIAL SCIENCE / Women's Studies | politics-current-events,social-science | Adult | A Vindication \
of the Rights of Woman; On Liberty
BIOGRAPHY & AUTOBIOGRAPHY / Personal Memoirs | biography-autobiography-memoir,history | Adult | \
The Life of Samuel Johnson; The Diary; Walden; Les Confessions
BIOGRAPHY & AUTOBIOGRAPHY / Cultural, Ethnic & Regional / General | african-american-interest,\
biography-autobiography-memoir | Adult | Narrative of the Life of Frederick Douglass; Incidents \
in the Life of a Slave Girl; The Souls of Black Folk; Up from Slavery
PHILOSOPHY / General | general-nonfiction | Adult | Essais; Pensées; Also sprach Zarathustra; \
Kritik der reinen Vernunft; Enten – Eller; De rerum natura; 道德經; 論語
RELIGION / Christian Life / Inspirational | inspirational-fiction,religion | Adult | The \
Pilgrim's Progress
PSYCHOLOGY / Movements / Psychoanalysis | self-help,social-science | Adult | Die Traumdeutung
"""

_SERIES = {  # its name, the place in it, and how many there are
    "A Study in Scarlet": ("Sherlock Holmes", 1, 9),
    "The Sign of the Four": ("Sherlock Holmes", 2, 9),
    "The Hound of the Baskervilles": ("Sherlock Holmes", 5, 9),
    "The Innocence of Father Brown": ("Father Brown", 0, 5),
    "Alice's Adventures in Wonderland": ("Alice", 1, 2),
    "Through the Looking-Glass": ("Alice", 2, 2),
    "Barchester Towers": ("Chronicles of Barsetshire", 2, 6),
    "The Wonderful Wizard of Oz": ("Oz", 1, 14),
    "Anne of Green Gables": ("Anne of Green Gables", 1, 8),
    "Les Trois Mousquetaires": ("D'Artagnan", 1, 3),
    "Germinal": ("Les Rougon-Macquart", 13, 20),
    "Nana": ("Les Rougon-Macquart", 9, 20),
    "Waverley": ("Waverley Novels", 0, 0),
    "Ivanhoe": ("Waverley Novels", 0, 0),
    "Adventures of Huckleberry Finn": ("Tom Sawyer & Huckleberry Finn", 2, 4),
    "The Adventures of Tom Sawyer": ("Tom Sawyer & Huckleberry Finn", 1, 4),
}
_PUBLISHERS = (
    "Harbour & Quay Press", "Lamplight Editions", "Sandbox House, Inc.", "Oak Lane Books",
    "Northern Reading Company",
)  # fmt: skip
_AUDIO_PUBLISHERS = ("Spoken Word Harbour", "Lamplight Audio, Inc.", "Sandbox Listening")
_NARRATORS = (
    "Arden, Philippa", "Okonjo, T.J.", "Vale, Marguerite", "Blount, Jr., Sam", "Lindqvist, Arvid",
    "Castellanos, Inés", "Whitcombe, Edgar; Vale, Marguerite", "A Full Cast", "Moreau, Lucie",
)  # fmt: skip
_SENTENCES = (
    "{title} is one of the books that every library has and every reader means to read.",
    "{author} tells a story that has been read for generations, and loses nothing by it.",
    '"It is a book to be read aloud," one of its first readers wrote, and so it is.',
    "This edition has the whole text, newly set and proofread, with a note on the author.",
    "Readers who come to {author} for the first time will find no better place to begin; those who"
    " come back will find what they remembered, and much that they did not.",
    "What begins as an ordinary day ends in a way that nobody in it could have foreseen-and that"
    " nobody who has read it forgets.",
    "Nominated for nothing, loved by many.",
)


def own_titles() -> Iterator[tuple[dict[str, Any], int | None]]:
    """Every title as a media object, with its copies; None: as many as are asked for.

    An eBook has one copy or a few; every tenth has none left. Most eAudio never runs out.
    """
    subjects = dict(_subjects())
    books = [each for each in TITLES if each[2] in LANGUAGES]
    number = 0
    for n, (title, author, language) in enumerate(books):
        for medium in ("eBook", "eAudio")[: 1 + n % 2]:
            number += 1
            subject = subjects.get(title, ("FICTION / Classics", "classics", "Adult"))
            yield (
                _media_object(number, title, author, LANGUAGES[language], medium, subject),
                _copies(number, medium),
            )


def _copies(number: int, medium: str) -> int | None:
    if number % 10 == 0:
        return 0
    return None if medium == "eAudio" else 1 + (number % 7 == 0)


def _subjects() -> Iterator[tuple[str, tuple[str, str, str]]]:
    for line in _SUBJECTS.strip().splitlines():
        heading, genres, audience, titles = line.split(" | ")
        for title in titles.split("; "):
            yield title, (heading, genres, audience)


def _media_object(
    number: int,
    title: str,
    author: str,
    language: str,
    medium: str,
    subject: tuple[str, str, str],
) -> dict[str, Any]:
    """One title, its keys in the order of the wire."""
    audio = medium == "eAudio"
    publishers = _AUDIO_PUBLISHERS if audio else _PUBLISHERS
    heading, genres, audience = subject
    whole = _series(number, title) | {
        "publicationDate": _published(number),
        "hasDigitalRights": not audio or number % 5 < 2,
        "description": _description(number, title, author),
        "publisher": publishers[number % len(publishers)],
    }
    if audio and number % 11:
        whole["narrators"] = _NARRATORS[number % len(_NARRATORS)]
    return whole | {
        "audience": audience,
        "genres": heading,
        "primaryGenre": genres,
        "isbn": own_isbn(number),
        "mediaType": medium,
        "title": article_at_end(title),
        "authors": "" if number % 24 == 0 else last_name_first(author),
        "language": language,
        "images": _images(number, audio=audio),
        "titleId": 133 + 17 * number,
    }


def _series(number: int, title: str) -> dict[str, Any]:
    """What is said of a series; most titles are in none, and some say so oddly."""
    if title in _SERIES:
        name, position, total = _SERIES[title]
        return {"seriesName": name, "seriesPosition": position, "seriesTotal": total}
    if number % 5 == 4:
        return {"seriesName": "", "seriesPosition": 0, "seriesTotal": 0}
    if number % 11 == 5:
        return {"seriesName": "Default Blank", "seriesPosition": 0, "seriesTotal": 2015}
    return {"seriesPosition": 0, "seriesTotal": 0}


def _published(number: int) -> str:
    """When this edition came out; unknown for two in a hundred."""
    if number % 48 == 7:
        return "0001-01-01T00:00:00Z"
    return f"{date(2008, 3, 1) + timedelta(days=number * 37 % 3000)}T00:00:00Z"


def _description(number: int, title: str, author: str) -> str:
    chosen = [_SENTENCES[(number + step) % len(_SENTENCES)] for step in range(2 + number % 5)]
    return " ".join(chosen).format(title=title, author=author)


def _images(number: int, *, audio: bool) -> list[dict[str, str]]:
    """Three sizes; two in a hundred have no picture of their own."""
    code = f"Z{10000 + number}" if audio else f"EB{number:08d}"
    path = "default/OCD" if number % 48 == 11 else f"{code}/{code}"
    return [
        {"name": name, "url": f"{IMAGES}{path}_image_{size}.jpg"} for name, size in SIZES.items()
    ]


def own_isbn(number: int) -> str:
    """The ISBN of one of these titles: 978-99999, its number, the check digit."""
    digits = f"97899999{number:04d}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
