"""Values are cut out of the words around them, and never touched inside."""

import pytest

from helpbot.dialogue.values import error_of, is_keyboard_noise, product_of

PRODUCTS = [
    ("ok. Acronis Cyber Protect Cloud - 1TB", "Acronis Cyber Protect Cloud - 1TB"),
    ("fine. Sophos XGS 107", "Sophos XGS 107"),
    ("it's about the Eaton 5P 1550i", "Eaton 5P 1550i"),
    ("it's the 'Cisco CP-8841-K9='", "Cisco CP-8841-K9="),
    ("we have the issue with the Lexmark MX331 only", "Lexmark MX331"),
    ("it is the product called Lexmark MX331", "Lexmark MX331"),
    ("ok sorry, cat on keyboard. Logitech Rally Bar", "Logitech Rally Bar"),
    ("product's the TP-Link Omada ER8411", "TP-Link Omada ER8411"),
    ("happens with the Ricoh IM C3010", "Ricoh IM C3010"),
    ("we sell the Datto ALTO 3, and it happens on every quote with it", "Datto ALTO 3"),
    ("ok tnx. the product is Quote delivery", "Quote delivery"),
    ("It's the quote module", "quote module"),
    ("Never Mind Maxi PC, I mixed them up", "Never Mind Maxi PC"),
]
KEPT_PRODUCTS = [
    "No Name Dock", "Yes! 5G Router", "Thanks Mate Bundle", "Fine Art Printer", "It Works Suite",
    "Barracuda Email Protection and Backup", "HP EliteBook 840 G10 (i7, 16 GB)", "<b>Dock</b> & co",
    "Microsoft 365 Business Premium, monthly", "Error Code Scanner X", "Resolve Pro 4K", "  spaced   Name  ", '"B-stock" rack',
]  # fmt: skip
ERRORS = [
    ("it says Error 0x80070005 - Access is denied", "Error 0x80070005 - Access is denied"),
    ('The message is\n  {"code": 409,\n   "detail": "x"}', '{"code": 409,\n   "detail": "x"}'),
    (
        "Namaste, I am getting below error while syncing contact\n\nContact has no identifier",
        "Contact has no identifier",
    ),
    ("Push failed: 3 of 7 items\n\nKind regards\nJo", "Push failed: 3 of 7 items"),
    ("```\nTraceback: x\n  at y\n```", "Traceback: x\n  at y"),
    ("Guten Tag, wir haben ein Problem: API rate limit exceeded", "API rate limit exceeded"),
    ("it says Index 'quotes_v4' is read-only", "Index 'quotes_v4' is read-only"),
    ("ok: error is 'Token audience mismatch'", "Token audience mismatch"),
    ('this is what I see: "Quota 12 exceeded"', "Quota 12 exceeded"),
]
KEPT_ERRORS = [
    "Error: member could not be created", "The message is too long", "Message could not be sent: channel missing",
    "2026-01-01 12:00 ERROR sync: we could not find it: abc", "Sync failed: it is not our company: 33",
    '"quoted whole"', "WARN a\nERROR b: c\n  at d", "<Fault>it says: no</Fault>",
]  # fmt: skip


@pytest.mark.parametrize(("typed", "wanted"), [*PRODUCTS, *((name, name.strip()) for name in KEPT_PRODUCTS)])
def test_a_products_name_is_cut_out_of_what_is_said_around_it(typed: str, wanted: str) -> None:
    assert product_of(typed) == wanted


@pytest.mark.parametrize(("typed", "wanted"), [*ERRORS, *((text, text) for text in KEPT_ERRORS)])
def test_an_error_is_cut_out_of_what_leads_to_it(typed: str, wanted: str) -> None:
    assert error_of(typed) == wanted


@pytest.mark.parametrize(("typed", "noise"), [("asdfgh", True), ("hjkl", True), ("xcvbn", True), ("dock", False), ("lenovo", False), ("SFTP", False), ("qwerty 5", False)])  # fmt: skip
def test_a_hand_on_the_keyboard_is_no_value(typed: str, noise: bool) -> None:
    assert is_keyboard_noise(typed) is noise
