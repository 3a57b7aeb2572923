"""What a user's event was read as, given where the conversation stands. The table of `machine` is keyed by these."""

from __future__ import annotations

from helpbot.later import dataclass
from helpbot.understanding.diagnosis import Diagnosis

__all__ = [
    "Act",
    "AddressGiven",
    "Aside",
    "Asked",
    "Cancelled",
    "Chose",
    "Corrected",
    "FollowedUp",
    "GaveDetails",
    "Greeted",
    "NewsWanted",
    "PersonWanted",
    "SaidNo",
    "SaidNone",
    "SaidNothing",
    "SaidYes",
    "Thanked",
    "WhyWanted",
    "WillTry",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, a symptom or a pasted error."""

    text: str
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedUp:
    """A question that leans on the last answer. `kind`: where, term, detail or facet."""

    text: str
    kind: str
    value: str = ""  # the term, or the facet's new value


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A question in the middle of the form."""

    text: str
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Chose:
    """One of the things that the bot asked to choose from; an empty id says none of them."""

    choice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidYes:
    """It is solved; after a refusal: yes, a person."""

    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidNo:
    """It is not solved. `error` is an error message that came with it, exactly as it stood there."""

    text: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanked:
    """Thanks, without more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WillTry:
    """The user is about to try it, or wants a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """A greeting, without more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonWanted:
    """A person is asked for."""

    text: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Never mind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveDetails:
    """Values for the form, exactly as typed; None where the message holds none."""

    product: str | None = None
    error: str | None = None
    note: str = ""
    psa: str = ""
    email: str = ""
    urgency: str = ""
    no_product: str = ""  # the user's words for it, where a form was ticked to say that there is none
    no_error: str = ""
    labelled: bool = False  # told behind labels
    passing: bool = False  # told in passing after an answer: no wish for a person
    none_said: str = ""  # the user's words behind the error's label, where they say that there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A field is to be changed to another value."""

    product: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidNone:
    """There is no such thing, or the user does not know it; `words` are theirs."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidNothing:
    """A message without words, or a file alone."""

    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyWanted:
    """A question about the form itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsWanted:
    """How is my case? With `recall`: what does it say?"""

    recall: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGiven:
    """An e-mail address, to be answered at."""

    email: str


Act = (
    Asked
    | FollowedUp
    | Aside
    | Chose
    | SaidYes
    | SaidNo
    | Thanked
    | WillTry
    | Greeted
    | PersonWanted
    | Cancelled
    | GaveDetails
    | Corrected
    | SaidNone
    | SaidNothing
    | WhyWanted
    | NewsWanted
    | AddressGiven
)
