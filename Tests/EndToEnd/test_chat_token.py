"""scripts/chat for a person who has signed in, and what such a person may not do."""

import json

import chat_token
import pytest
from chat_token import UnusableToken
from fake_chat_rooms import RateLimited
from page_support import eventually, query_of, texts_of


@pytest.fixture
def token_file(fake_chat, issuer, tmp_path):
    """The token of Ann, in a chat where people sign in."""
    fake_chat.issuer = issuer
    file = tmp_path / "token"
    file.write_text(issuer.mint(sub="auth0|ann", name="Ann") + "\n")
    return file


def test_the_token_is_read_again_before_each_connect(fake_chat, issuer, terminal, token_file, tmp_path):
    ann = terminal("--json", "--token-file", token_file, fake_chat.url)
    eventually(lambda: len(ann.frames("entered")), 1, 30)
    old = token_file.read_text().strip()
    token_file.write_text(issuer.mint("ES256", sub="auth0|ann", name="Ann B."))
    fake_chat.drop()
    eventually(lambda: len(ann.frames("entered")), 2, 30)
    assert ann.finish() == 0
    assert [frame["you"]["name"] for frame in ann.frames("entered")] == ["Ann", "Ann B."]
    assert [query_of(path)["token"] for path in fake_chat.handshakes] == [old, token_file.read_text()]
    assert all("key" not in query_of(path) for path in fake_chat.handshakes)
    # No key is created, and nothing prints the token.
    assert not (tmp_path / "config").exists()
    assert old not in ann.output + ann.errors


def test_a_file_without_a_token_is_tried_again_after_a_loss(fake_chat, issuer, terminal, token_file):
    ann = terminal("--json", "--token-file", token_file, fake_chat.url)
    eventually(lambda: len(ann.frames("entered")), 1, 30)
    token = token_file.read_text()
    token_file.write_text("")
    fake_chat.drop()
    eventually(lambda: str(ann.frames("lost")), lambda lost: "JSON Web Token" in lost, 30)
    token_file.write_text(token)
    eventually(lambda: len(ann.frames("entered")), 2, 30)
    assert ann.finish() == 0


def test_an_expired_token_is_refused(fake_chat, issuer, terminal, token_file):
    token_file.write_text(issuer.mint(exp=1))
    ann = terminal("--token-file", token_file, fake_chat.url)
    assert ann.finish() == 1
    assert ann.errors == "chat: the server answered 401 The token is not valid.\n"


@pytest.mark.parametrize(
    "content", ["", "secret", "a.b", "a.b.c.d", "a b.c.d", "a.b.c\nd", "é.b.c", "x" * 8190 + ".y.z"]
)
def test_a_malformed_token_is_not_sent(tmp_path, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(UnusableToken) as refused:
        chat_token.read(tmp_path / "token")
    assert not content or content not in str(refused.value)


def test_a_token_is_read_without_the_line_break(tmp_path):
    for end in ("", "\n", "\r\n"):
        (tmp_path / "token").write_text(f"a.b-_.c{end}")
        assert chat_token.read(tmp_path / "token") == "a.b-_.c"


def test_a_reader_is_told_and_cannot_write(fake_chat, terminal, token_file):
    fake_chat.readers.add("auth0|ann")
    ann = terminal("--token-file", token_file, fake_chat.url)
    ann.write("Hello\n")
    assert ann.finish() == 1
    assert ann.lines[0] == "* you are <Ann> in lobby; you may only read; 1 person: <Ann>"
    assert "* not sent (forbidden)" in ann.output


def test_limited_messages_are_sent_in_order_once(fake_chat, terminal):
    fake_chat.faults["send"] += [RateLimited(300)] * 3
    ann = terminal("--no-key", fake_chat.url)
    ann.write("one\ntwo\nthree\n")
    assert ann.finish() == 0
    assert texts_of(fake_chat.received) == ["one"] * 4 + ["two", "three"]
    assert [json.loads(frame)["message"] for _, frame in fake_chat.kept["lobby"]] == ["one", "two", "three"]


def test_a_deleted_message_is_reported_to_those_who_saw_it(fake_chat, terminal):
    ann = terminal("--no-key", "--listen", fake_chat.url)
    eventually(lambda: [member.entered for member in fake_chat.members], [0], 30)
    message_id = fake_chat.keep("unwanted", deliver=True)
    ann.wait_for("<Bob> unwanted")
    fake_chat.delete(message_id)
    ann.wait_for("* a moderator deleted the message by <Bob> of ")
    assert ann.interrupt() == 130
