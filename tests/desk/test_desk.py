"""What a user's act comes to: one transaction, one answer, the same answer for the same key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from helpbot.desk.records import Act, DeskSettings, Visibility
from helpbot.dialogue.conversation import CaseState, Phase
from helpbot.errors import CallError, Code
from helpbot.escalation.routing import Route, Routing
from helpbot.messages import Channel, Inbound, Person
from helpbot.store.keeping import erase

from .support import OTHER_AGENT, START, USER, Clock, Talk, make_desk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def talk(store: Any, clock: Clock) -> Talk:
    return Talk(make_desk(store, clock=clock), clock).start()


def test_a_start_greets_and_its_token_opens_only_this_conversation(store: Any) -> None:
    desk = make_desk(store)
    one, two = desk.start(Channel.WIDGET, USER), desk.start(Channel.WIDGET, USER)
    assert [message.text for message in one.messages] == ["Hello, what is wrong?"]
    assert desk.authorise(one.conversation.id, one.token).id == one.conversation.id
    for token in (two.token, "", " ", one.token.swapcase(), "x" * 43):
        with pytest.raises(CallError) as caught:
            desk.authorise(one.conversation.id, token)
        assert caught.value.code is Code.NOT_FOUND
    assert len(one.token) >= 22


def test_a_turn_is_admitted_for_the_token_alone_and_never_in_an_erased_conversation(store: Any) -> None:
    """What is remembered of a conversation opens it to nobody else, and to nobody once it is erased."""
    desk = make_desk(store)
    one, two = desk.start(Channel.WIDGET, USER), desk.start(Channel.WIDGET, USER)
    id_ = one.conversation.id

    def say(key: str) -> Any:
        return desk.receive(Inbound(key=key, channel=Channel.WIDGET, thread=id_, person=USER, text="it is broken"))

    for n in range(2):
        assert desk.admit(id_, one.token).id == id_
        say(f"k{n}")
        assert desk.admit(id_, one.token).last_seq == 3 + 2 * n
        for token in (two.token, "", " ", one.token.swapcase(), "x" * 43):
            with pytest.raises(CallError) as caught:
                desk.admit(id_, token)
            assert caught.value.code is Code.NOT_FOUND
    with pytest.raises(CallError):
        desk.admit("", one.token)
    erase(store, [id_], START)  # by another program: this desk hears nothing of it
    for n in range(2):
        with pytest.raises(CallError) as caught:
            desk.admit(id_, one.token)
            say(f"late{n}")
        assert caught.value.code is Code.NOT_FOUND
    assert store.messages(id_, after=0, limit=9, internal=True) == []


def test_a_start_sent_twice_is_one_conversation(store: Any) -> None:
    desk = make_desk(store)
    one = desk.start(Channel.WIDGET, USER, key="a-random-key-of-32-characters-00")
    two = desk.start(Channel.WIDGET, USER, key="a-random-key-of-32-characters-00")
    assert two.replayed
    assert two.conversation.id == one.conversation.id
    assert two.messages == one.messages
    for token in (one.token, two.token):
        assert desk.authorise(one.conversation.id, token)


def test_a_start_key_that_could_be_guessed_is_refused(store: Any) -> None:
    with pytest.raises(CallError, match="random key"):
        make_desk(store).start(Channel.WIDGET, USER, key="1")


def test_a_turn_is_answered_and_numbered_without_gaps(talk: Talk) -> None:
    assert talk.say("it is broken") == ["answer to: it is broken"]
    assert talk.say("yes") == ["Good"]
    messages = talk.desk.messages(talk.conversation)
    assert [m.seq for m in messages] == [1, 2, 3, 4, 5]
    assert [m.author for m in messages] == ["bot", "user", "bot", "user", "bot"]
    assert talk.desk.messages(talk.conversation, after=3)[0].text == "yes"
    assert talk.desk.conversation(talk.conversation).phase is Phase.RESOLVED


def test_the_same_key_is_answered_from_the_record(talk: Talk) -> None:
    act = talk.inbound("it is broken", key="once")
    first, again = talk.desk.receive(act), talk.desk.receive(act)
    assert not first.replayed
    assert again.replayed
    assert again.messages == first.messages
    assert len(talk.desk.messages(talk.conversation)) == 3


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(talk: Talk) -> None:
    talk.desk.receive(talk.inbound("it is broken", key="once"))
    with pytest.raises(CallError) as caught:
        talk.desk.receive(talk.inbound("something else", key="once"))
    assert caught.value.code is Code.KEY_REUSED
    assert len(talk.desk.messages(talk.conversation)) == 3


def test_one_key_in_two_conversations_is_two_acts(talk: Talk) -> None:
    other = Talk(talk.desk, talk.clock).start()
    assert talk.say("one", key="same") == ["answer to: one"]
    assert other.say("two", key="same") == ["answer to: two"]


def test_a_choice_is_shown_by_its_label(talk: Talk) -> None:
    talk.say("it is broken")
    talk.say(choice="no")
    assert talk.desk.messages(talk.conversation)[3].text == "No"


def test_an_escalation_is_one_case_with_its_fields_as_typed(talk: Talk) -> None:
    assert talk.say("escalate FortiGate 60F | Error 691:  <b>&\n\ttwo") == ["Case HB-1001 is open"]
    case = talk.desk.case("hb-1001")
    assert case.product_name == "FortiGate 60F"
    assert case.error_message == "Error 691:  <b>&\n\ttwo"
    assert case.conversation == talk.conversation
    assert talk.say("again, please") == ["I passed it on"]
    assert [c.number for c in talk.desk.cases()] == ["HB-1001"]


def test_a_form_sent_many_times_at_once_opens_one_case(talk: Talk) -> None:
    form = {"product_name": "P", "error_message": "E"}
    acts = [talk.inbound(form=form, key=key) for key in ("a", "b", "a", "c", "a", "b")]
    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(talk.desk.receive, acts))
    assert len(talk.desk.cases()) == 1
    by_key: dict[str, set[tuple[int, ...]]] = {}
    for act, receipt in zip(acts, receipts, strict=True):
        by_key.setdefault(act.key, set()).add(tuple(m.seq for m in receipt.messages))
    assert all(len(answers) == 1 for answers in by_key.values())
    assert [m.seq for m in talk.desk.messages(talk.conversation)] == list(range(1, 8))


def test_turns_of_one_conversation_never_overtake_one_another(talk: Talk) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: talk.say(f"message {n}"), range(24)))
    messages = talk.desk.messages(talk.conversation)
    assert [m.seq for m in messages] == list(range(1, 50))
    for asked, answered in zip(messages[1::2], messages[2::2], strict=True):
        assert answered.text == f"answer to: {asked.text}"
    assert talk.desk.conversation(talk.conversation).now.turns == 24


def test_a_slack_thread_begins_with_its_first_message_even_twice_at_once(store: Any) -> None:
    desk = make_desk(store)

    def send(key: str) -> Any:
        return desk.receive(
            Inbound(
                key=key,
                channel=Channel.SLACK,
                thread="T1:C1:17.5",
                person=Person(id="U1"),
                text=f"help {key}",
            )
        )

    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(send, ["e1", "e2", "e1", "e3", "e2", "e1"]))
    conversations = {receipt.conversation_id for receipt in receipts}
    assert len(conversations) == 1
    assert [m.seq for m in desk.messages(conversations.pop())] == [1, 2, 3, 4, 5, 6]


def test_an_unknown_conversation_is_not_found(store: Any) -> None:
    desk = make_desk(store)
    for act in (
        lambda: desk.conversation("nowhere"),
        lambda: desk.receive(Inbound(key="k", channel=Channel.WIDGET, thread="nowhere", person=USER, text="hi")),
        lambda: desk.rate("nowhere", "k", 5),
        lambda: desk.feedback("nowhere.1", True),
        lambda: desk.feedback("nonsense", True),
        lambda: desk.case("HB-9"),
    ):
        with pytest.raises(CallError) as caught:
            act()
        assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"text": "a\x00b"}, Code.INVALID),
        ({"text": "half \ud800"}, Code.INVALID),
        ({"text": "x" * 100_001}, Code.TOO_LARGE),
        ({"text": "x", "choice": "y"}, Code.INVALID),
        ({"attachments": ("a.png",), "choice": "y"}, Code.INVALID),
        ({"text": "x", "form": {"product_name": "y"}, "attachments": ("a.png",)}, Code.INVALID),
        ({"text": "x", "key": "k" * 256}, Code.TOO_LARGE),
        ({"form": {"product_name": "\x00"}}, Code.INVALID),
    ],
)
def test_what_no_database_keeps_is_refused_before_it(talk: Talk, more: dict[str, Any], code: Code) -> None:
    with pytest.raises(CallError) as caught:
        talk.desk.receive(talk.inbound(**more))
    assert caught.value.code is code
    assert len(talk.desk.messages(talk.conversation)) == 1


def test_an_empty_key_is_refused(talk: Talk) -> None:
    with pytest.raises(CallError):
        talk.desk.receive(Inbound(key="", channel=Channel.WIDGET, thread=talk.conversation, person=USER, text="x"))


def test_odd_characters_are_kept_as_they_are(talk: Talk) -> None:
    odd = "a\u202eb\u200b \U0001f600 ' \" \\ %s :x {y} \r\n\t é ü 中"
    talk.say(odd)
    assert talk.desk.messages(talk.conversation)[1].text == odd


class TestAgents:
    @pytest.fixture(autouse=True)
    def _case(self, talk: Talk) -> None:
        talk.say("escalate P | E")

    def test_a_case_is_claimed_answered_and_resolved(self, talk: Talk) -> None:
        assert talk.command(Act.CLAIM, "HB-1001").case.owner == "Bo Agent"
        receipt = talk.command(Act.REPLY, "HB-1001", text="Try this")
        assert [(m.author, m.name, m.text) for m in receipt.messages] == [("agent", "Bo Agent", "Try this")]
        resolved = talk.command(Act.RESOLVE, "HB-1001", reason="done").case
        assert resolved.state is CaseState.RESOLVED
        assert resolved.resolved_at == talk.clock.now
        assert [entry.what for entry in resolved.history] == [
            "opened: asked_for_person",
            "claimed",
            "resolved",
        ]
        assert talk.desk.messages(talk.conversation)[-1].text == "It is solved"

    def test_a_note_never_reaches_the_user(self, talk: Talk) -> None:
        talk.command(Act.NOTE, "HB-1001", text="the canary sings")
        assert all("canary" not in m.text for m in talk.desk.messages(talk.conversation))
        internal = talk.desk.messages(talk.conversation, internal=True)[-1]
        assert internal.text == "the canary sings"
        assert internal.visibility is Visibility.INTERNAL
        assert talk.say("hello")
        assert [m.seq for m in talk.desk.messages(talk.conversation)][-2:] == [5, 6]

    def test_a_command_sent_twice_is_done_once(self, talk: Talk) -> None:
        one = talk.command(Act.CLAIM, "HB-1001", key="click")
        two = talk.command(Act.CLAIM, "HB-1001", key="click")
        assert two.replayed
        assert two.messages == one.messages
        assert len(two.case.history) == 2

    def test_a_command_key_with_another_body_is_refused(self, talk: Talk) -> None:
        talk.command(Act.CLAIM, "HB-1001", key="click")
        with pytest.raises(CallError) as caught:
            talk.command(Act.RESOLVE, "HB-1001", key="click")
        assert caught.value.code is Code.KEY_REUSED

    @pytest.mark.parametrize(
        ("before", "act", "more", "says"),
        [
            ([Act.RESOLVE], Act.RESOLVE, {}, "is resolved"),
            ([Act.RESOLVE], Act.REPLY, {"text": "x"}, "Reopen it first"),
            ([Act.RESOLVE], Act.CLAIM, {}, "Reopen it first"),
            ([Act.CLAIM], Act.CLAIM, {"agent": OTHER_AGENT}, "held by Bo Agent"),
            ([Act.CLAIM], Act.CLAIM, {}, "yours already"),
            ([Act.CLAIM], Act.HAND_BACK, {"agent": OTHER_AGENT}, "held by Bo Agent"),
            ([], Act.HAND_BACK, {}, "Claim it first"),
            ([], Act.REOPEN, {}, "not resolved"),
        ],
    )
    def test_an_illegal_move_says_what_to_do_and_changes_nothing(
        self, talk: Talk, before: list[Act], act: Act, more: dict[str, Any], says: str
    ) -> None:
        for done in before:
            talk.command(done, "HB-1001")
        case, messages = talk.desk.case("HB-1001"), talk.desk.messages(talk.conversation, internal=True)
        with pytest.raises(CallError, match=says) as caught:
            talk.command(act, "HB-1001", **more)
        assert caught.value.code is Code.CONFLICT
        assert talk.desk.case("HB-1001") == case
        assert talk.desk.messages(talk.conversation, internal=True) == messages

    def test_an_old_case_is_not_reopened_beside_a_new_one(self, talk: Talk) -> None:
        talk.say("works now")
        talk.say("escalate P2 | E2")
        with pytest.raises(CallError, match="HB-1002"):
            talk.command(Act.REOPEN, "HB-1001")

    def test_an_empty_reply_is_refused(self, talk: Talk) -> None:
        with pytest.raises(CallError) as caught:
            talk.command(Act.REPLY, "HB-1001", text="  ")
        assert caught.value.code is Code.INVALID

    def test_what_the_user_solves_resolves_the_case(self, talk: Talk) -> None:
        talk.say("works now")
        assert talk.desk.case("HB-1001").state is CaseState.RESOLVED
        assert talk.desk.cases(open_only=True) == ()


def test_time_reminds_then_ends_and_then_rests(talk: Talk, clock: Clock) -> None:
    talk.say("it is broken")
    assert talk.desk.tick() == 0
    clock.pass_(minutes=11)
    assert talk.desk.tick() == 1
    assert talk.desk.tick() == 0
    clock.pass_(hours=24)
    assert talk.desk.tick() == 1
    clock.pass_(days=3)
    assert talk.desk.tick() == 0
    assert [m.text for m in talk.desk.messages(talk.conversation)][-2:] == [
        "Are you still there?",
        "I close this now",
    ]


def test_a_rating_is_kept_once_and_only_if_it_is_one(talk: Talk) -> None:
    talk.desk.rate(talk.conversation, "r1", 5, True, "thanks")
    talk.desk.rate(talk.conversation, "r1", 5, True, "thanks")
    with pytest.raises(CallError):
        talk.desk.rate(talk.conversation, "r1", 1, False, "")
    with pytest.raises(CallError):
        talk.desk.rate(talk.conversation, "r2", 6)
    talk.desk.feedback(talk.desk.messages(talk.conversation)[0].id, True)


def test_a_notice_follows_each_commit(talk: Talk) -> None:
    heard: list[tuple[str, int]] = []
    stop = talk.desk._store.notices.subscribe(lambda *notice: heard.append(notice), talk.conversation)
    talk.say("it is broken")
    assert heard == [(talk.conversation, 3)]
    stop()
    talk.say("more")
    assert heard == [(talk.conversation, 3)]


def test_a_pressed_button_and_a_form_are_kept_as_words(store: Any) -> None:
    talk = Talk(make_desk(store), Clock()).start()
    talk.say("it fails")
    said = talk.desk.receive(talk.inbound(choice="no")).messages[0]
    assert said.text == "No"
    talk.say("it still fails")
    form = {"product_name": "P", "error_message": "a\n  b", "note": ""}
    said = talk.desk.receive(talk.inbound(form=form)).messages[0]
    assert said.text == "Product name: P\nError message: a\n  b\nNote: -"
    assert talk.desk.receive(talk.inbound(choice="yes")).messages[0].text == "Yes, solved"  # of an earlier reply
    assert talk.desk.receive(talk.inbound(choice="unheard-of")).messages[0].text == "unheard-of"


KIM = Person(id="main:kim", name="Kim", email="kim@example.com", verified=True)


def mailing(**more: Any) -> DeskSettings:
    route = Route(name="mail", sender="mail", target="team@example.com")
    return DeskSettings(routing=Routing(routes={"mail": route}), user_mail_route="mail", **more)


def test_a_transcript_goes_to_a_verified_address_once_a_key(store: Any) -> None:
    talk = Talk(make_desk(store, mailing()), Clock(), person=KIM).start()
    for _ in range(2):
        talk.desk.mail_transcript(talk.conversation, "key", KIM)
    (order,) = talk.desk.deliveries()
    assert (order.kind, order.payload["to"], order.route) == ("transcript", "kim@example.com", "mail")
    with pytest.raises(CallError) as caught:
        talk.desk.mail_transcript(talk.conversation, "key", replace(KIM, email="other@example.com"))
    assert caught.value.code is Code.KEY_REUSED


def test_a_transcript_is_refused_where_it_could_hurt(store: Any) -> None:
    desk = make_desk(store, mailing())
    talk = Talk(desk, Clock(), person=KIM).start()

    def refused(who: Person, key: str, of: str = "") -> Code:
        with pytest.raises(CallError) as caught:
            desk.mail_transcript(of or talk.conversation, key, who)
        return caught.value.code

    assert refused(replace(KIM, verified=False), "a") is Code.FORBIDDEN
    assert refused(replace(KIM, email=""), "b") is Code.FORBIDDEN
    assert refused(KIM, "c", of="unknown") is Code.NOT_FOUND
    for n in range(3):
        desk.mail_transcript(talk.conversation, f"k{n}", KIM)
    assert refused(KIM, "k3") is Code.TOO_MANY
    desk.mail_transcript(talk.conversation, "k1", KIM)  # a repeat is no further mail
    assert len(desk.deliveries()) == 3
    silent = make_desk(store, DeskSettings())
    with pytest.raises(CallError, match="no mail is sent") as caught:
        silent.mail_transcript(talk.conversation, "z", KIM)
    assert caught.value.code is Code.CONFLICT
