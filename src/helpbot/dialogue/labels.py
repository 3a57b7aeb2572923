"""What a user saw when they pressed a button or filled in a form: the record holds words, not ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from helpbot.dialogue.replies import Replies
    from helpbot.knowledge.base import KnowledgeBase
    from helpbot.messages import Choice

__all__ = ["filled", "pressed"]

_BUTTONS: Final = {
    "solved": "label_solved",
    "not_solved": "label_not_solved",
    "person": "label_person",
    "none": "label_none_of_these",
    "cancel": "label_cancel",
}
_FIELDS: Final = {"product_name": "label_product", "error_message": "label_error"}


def pressed(
    choice: str, offered: Iterable[Choice], replies: Replies | None = None, knowledge: KnowledgeBase | None = None
) -> str:
    """The label of a choice: as it was offered, else as the replies or the knowledge have it; "" if none has."""
    for option in offered:
        if option.id == choice:
            return option.label
    if replies is not None and choice in _BUTTONS:
        return replies.say(_BUTTONS[choice])
    if knowledge is not None and choice.startswith("pick:"):
        found = knowledge.resolutions.get(choice.removeprefix("pick:"))
        return found.label if found is not None else ""
    return ""


def filled(values: Mapping[str, str], replies: Replies | None = None) -> str:
    """A form as lines of "label: value", each value exactly as it was typed; a field left empty has a dash."""
    return "\n".join(f"{_field(name, replies)}: {value if value.strip() else '-'}" for name, value in values.items())


def _field(name: str, replies: Replies | None) -> str:
    if replies is not None and name in _FIELDS:
        return replies.say(_FIELDS[name])
    return name.replace("_", " ").capitalize()
