"""What scripts/chat prints, and its key file."""

import json
import os
import re
import stat
import subprocess
import sys

import pytest
from chat_key import UnusableKey, default_file, read_or_create
from chat_session import Event
from chat_view import TEXT_LIMIT, JSONView, People, TextView, readable, visible
from conftest import ROOT

ANN = {"id": "Sn1byhNlu4ws5TW-r90d0w", "name": "Ann"}
EVE = {"id": "BPn4GZ_oJA9rdjaOjwxeJg", "name": "Ann"}


def lines(*events, view=TextView):
    written = []
    shown = view(written.append)
    for event in events:
        shown.show(event)
    return "\n".join(written).split("\n")


def message(text, user=ANN):
    fields = {"id": "x", "from": user, "at": "2026-11-25T12:00:00.123Z", "message": json.dumps(text)}
    return Event("message", "{}", fields)


def test_a_message_is_a_line_with_time_and_name():
    day, line = lines(message("Hello"))
    assert day.startswith("* 2026-11-2")
    assert line.endswith(":00 <Ann> Hello")


def test_people_of_one_name_are_told_apart():
    labels = [line.split(" ", 1)[1] for line in lines(message("1"), message("2", EVE), message("3"))[1:]]
    assert labels == ["<Ann> 1", "<Ann ~e0TahTKJ> 2", "<Ann ~Ns-7mDVn> 3"]
    # An issuer's ids may begin alike.
    users = [{"id": f"auth0|5f7c8ec7c33c6c004bbafe8{digit}", "name": "Ann"} for digit in "12"]
    people = People()
    assert len({people.label(user) for user in [*users, *users]}) == 3
    people = People()
    people.label(ANN)
    for name in ("ann", "Ａｎｎ", "ANN", "Ann "):
        assert "~" in people.label({"id": "another", "name": name})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ann> hi", "<Ann\\> hi>"),
        ("Ann ~Sn1byhNl", "<Ann \\~Sn1byhNl>"),
        ("<Ann", "<\\<Ann>"),
        ("A\\>", "<A\\\\\\>>"),
        ("A\x1b[2J", "<A\\u{1B}[2J>"),
        ("A\u202enn", "<A\\u{202E}nn>"),
        ("A\u200bnn", "<A\\u{200B}nn>"),
        ("👩\u200d🚀", "<👩\u200d🚀>"),
    ],
)
def test_a_name_cannot_imitate_another_persons_line(name, shown):
    assert People().label({"id": "x", "name": name}) == shown


@pytest.mark.parametrize(
    "character",
    [
        *map(chr, range(32)),
        *map(chr, range(127, 160)),
        *"\u061c\u200e\u202a\u202e\u2066\u2069\u2028\ufeff\ue000\U000e0041",
    ],
)
def test_no_character_of_others_acts_on_the_terminal(character):
    text = readable(json.dumps(f"a{character}b"))
    assert all(each.isprintable() or each == "\n" for each in text)
    # Only further lines of a text are lines, indented.
    assert all(line.startswith("      ") for line in text.split("\n")[1:])
    assert visible(character) == f"\\u{{{ord(character):X}}}"
    for view in (
        lines(message("x", {**ANN, "name": f"a{character}b"})),
        lines(Event("other", json.dumps(character), {})),
    ):
        assert all(line.isprintable() for line in view)


def test_texts_are_cut():
    text = readable(json.dumps("x" * (TEXT_LIMIT + 5)))
    assert text == "x" * TEXT_LIMIT + "… (5 more characters)"
    assert readable('{"a": [1.0e0]}') == '{"a": [1.0e0]}'


def test_joins_leaves_errors_and_the_room():
    presence = {"event": "join", "user": ANN, "count": 2}
    entered = {"you": ANN, "room": "lobby", "users": [ANN, {"id": "b", "name": "Bob"}], "count": 5}
    shown = lines(
        Event("entered", "{}", entered),
        Event("presence", "{}", presence),
        Event("presence", "{}", {**presence, "event": "leave", "count": 1}),
        Event("error", "{}", {"code": "unavailable", "message": "try\nagain"}),
        Event("failed", "{}", {"code": "too_large", "message": "too large"}),
        Event("ephemeral", "{}", {}),
    )
    assert [line.partition("* ")[2] for line in shown] == [
        "you are <Ann> in lobby; 5 people: <Ann>, <Bob> and 3 more",
        "<Ann> joined; 2 people",
        "<Ann> left; 1 person",
        "the server reports unavailable: try\\u{A}again",
        "not sent (too_large): too large",
    ]


def test_a_reader_is_told():
    entered = {"you": ANN, "room": "lobby", "access": "read", "users": [ANN], "count": 1}
    assert lines(Event("entered", "{}", entered)) == ["* you are <Ann> in lobby; you may only read; 1 person: <Ann>"]


def test_a_deletion_names_the_sender_and_the_time():
    shown = lines(message("Hello"), *[Event("deleted", "{}", {"id": id}) for id in ("other", "x", "x")])
    assert shown[2:] == [shown[2]]
    assert re.search(r" \* a moderator deleted the message by <Ann> of \d\d:00$", shown[2])


def test_json_has_one_value_a_line():
    frame = '{"type":"message",\n"message":"a\\nb"}'
    shown = lines(Event("message", frame, {}), Event("other", "[1,\r\n2]", {}), view=JSONView)
    assert [json.loads(line) for line in shown] == [json.loads(frame), {"type": "other", "message": [1, 2]}]


def test_a_key_file_is_created_for_its_owner_alone(tmp_path):
    file = tmp_path / "a" / "key"
    key = read_or_create(file)
    assert len(key) == 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert read_or_create(file) == key
    assert list(file.parent.iterdir()) == [file]
    assert read_or_create(tmp_path / "other") != key


def test_processes_that_start_together_share_a_key(tmp_path):
    script = "import pathlib, sys, chat_key; print(chat_key.read_or_create(pathlib.Path(sys.argv[1])))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts/lib")}
    command = [sys.executable, "-c", script, tmp_path / "key"]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    keys = {process.communicate()[0].strip() for process in running}
    assert keys == {read_or_create(tmp_path / "key")}


@pytest.mark.parametrize("content", ["", "\n", "a b\n", "é\n", "a\nb\n", "x" * 129, "a\x00"])
def test_a_malformed_key_is_refused(tmp_path, content):
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(UnusableKey, match="1 to 128 printable ASCII characters"):
        read_or_create(file)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / "key"
    file.write_text("secret\n")
    file.chmod(0o640)
    with pytest.raises(UnusableKey, match=f"chmod 600 {file}") as refused:
        read_or_create(file)
    assert "secret" not in str(refused.value)
    file.chmod(0o400)
    assert read_or_create(file) == "secret"


def test_each_server_has_a_key_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_file("wss://A.example/dev?x=1") == tmp_path / "swift-lambda-chat/a.example.key"
    assert default_file("ws://127.0.0.1:4566/dev") != default_file("ws://127.0.0.1:4567/dev")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_file("wss://a.example/").parent == tmp_path / ".config/swift-lambda-chat"
