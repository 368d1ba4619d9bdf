"""scripts/chat, against the fake chat server and the real stack."""

import json
import os
import pty
import shutil
import signal
import stat
import subprocess

import pytest
from conftest import ROOT
from fake_chat_rooms import FAILS, KEPT_ONLY, SILENCE
from page_support import eventually


def test_sends_each_line_and_exits_when_all_are_acknowledged(fake_chat, terminal):
    ann = terminal("--name", "Ann", "--room", "kitchen", fake_chat.url)
    ann.write('Hello\n\n   \nDouble "quotes" \\ é 🎉\r\nlast, without a line break')
    assert ann.finish() == 0
    messages = [json.loads(frame) for _, frame in fake_chat.kept["kitchen"]]
    texts = ["Hello", 'Double "quotes" \\ é 🎉', "last, without a line break"]
    assert [message["message"] for message in messages] == texts
    assert {message["from"]["name"] for message in messages} == {"Ann"}
    room, _, *shown = ann.lines
    assert room == "* you are <Ann> in kitchen; 1 person: <Ann>"
    assert [line.partition(" <Ann> ")[2] for line in shown] == texts
    assert ann.errors == ""


def test_prints_history_messages_joins_and_leaves(fake_chat, terminal):
    fake_chat.keep("earlier")
    ann = terminal("--name", "Ann", "--listen", fake_chat.url)
    ann.wait_for("<Bob> earlier")
    cal = terminal("--name", "Cal", "--no-key", fake_chat.url)
    cal.write("two\x1b[31m\nlines\n")
    assert cal.finish() == 0
    ann.wait_for("left")
    fake_chat.say({"message": "from the first version"})
    ann.wait_for("(sender unknown)")
    shown = [line.partition(" ")[2] for line in ann.lines]
    assert shown[-5:] == [
        "* <Cal> joined; 2 people",
        "<Cal> two\\u{1B}[31m",
        "<Cal> lines",
        "* <Cal> left; 1 person",
        '(sender unknown) {"message":"from the first version"}',
    ]


def test_the_key_makes_two_runs_one_person(fake_chat, terminal, tmp_path):
    for options in ([], [], ["--no-key"], ["--key-file", tmp_path / "other"], ["--key-file", tmp_path / "other"]):
        run = terminal(*options, "--name", "Ann", fake_chat.url)
        run.write("x\n")
        assert run.finish() == 0
    first, second, none, other, again = [json.loads(frame)["from"]["id"] for _, frame in fake_chat.kept["lobby"]]
    assert (first, other) == (second, again)
    assert len({first, none, other}) == 3
    [file] = (tmp_path / "config/swift-lambda-chat").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # Nothing prints the key.
    assert file.read_text().strip() not in run.output + run.errors


def test_a_key_file_that_others_can_read_is_refused(fake_chat, terminal, tmp_path):
    (tmp_path / "key").write_text("secret")
    (tmp_path / "key").chmod(0o644)
    run = terminal("--key-file", tmp_path / "key", fake_chat.url)
    assert run.finish() == 1
    assert "chmod 600" in run.errors
    assert not fake_chat.handshakes


def test_reconnects_and_prints_what_it_missed_once(fake_chat, terminal):
    ann = terminal("--json", "--name", "Ann", fake_chat.url)
    ann.write('"before"\n')
    eventually(lambda: len(ann.frames()), 1, 30)
    fake_chat.stop()
    ids = [fake_chat.keep(number) for number in range(120)]
    # Typed while there is no connection.
    ann.write('"during"\n')
    fake_chat.start()
    eventually(lambda: len(ann.frames()), 122, 60)
    fake_chat.drop()
    fake_chat.keep("after")
    eventually(lambda: len(ann.frames()), 123, 60)
    assert ann.finish() == 0
    shown = ann.frames()
    assert [frame["message"] for frame in shown] == ["before", *range(120), "during", "after"]
    assert [frame["id"] for frame in shown][1:121] == ids
    assert ann.frames("lost")


def test_a_message_that_was_not_answered_is_sent_again_once(fake_chat, terminal):
    fake_chat.faults["send"] += [FAILS, "unavailable", "rate_limited"]
    ann = terminal(fake_chat.url)
    ann.write("first\nsecond\n")
    assert ann.finish() == 0
    assert [json.loads(frame)["message"] for _, frame in fake_chat.kept["lobby"]] == ["first", "second"]


def test_without_a_key_file_it_stays_one_person(fake_chat, terminal):
    ann = terminal("--json", "--no-key", fake_chat.url)
    eventually(lambda: len(ann.frames("entered")), 1, 30)
    fake_chat.faults["send"].append(KEPT_ONLY)
    ann.write("1\n")
    eventually(lambda: len(fake_chat.kept["lobby"]), 1, 30)
    fake_chat.drop()
    eventually(lambda: len(ann.frames("entered")), 2, 30)
    assert ann.finish() == 0
    assert len(fake_chat.kept["lobby"]) == 1
    assert len({frame["you"]["id"] for frame in ann.frames("entered")}) == 1


def test_a_message_that_fails_is_reported(fake_chat, terminal):
    fake_chat.faults["send"].append("forbidden")
    ann = terminal(fake_chat.url)
    ann.write("refused\n" + "x" * 131_072 + "\ngood\n")
    assert ann.finish() == 1
    assert "* not sent (forbidden)" in ann.output
    assert ann.errors == "chat: a line was not sent: it exceeds 32668 bytes of JSON\nchat: 2 messages were not sent\n"
    assert [json.loads(frame)["message"] for _, frame in fake_chat.kept["lobby"]] == ["good"]


def test_gives_up_after_the_end_of_the_input(fake_chat, terminal):
    fake_chat.faults["send"] += [SILENCE] * 10
    ann = terminal("--wait", "2", fake_chat.url)
    ann.write("lost\n")
    assert ann.finish() == 1
    assert ann.errors == "chat: 1 messages were not acknowledged within 2 s\n"


def test_the_largest_message_fits_a_frame(fake_chat, terminal):
    ann = terminal(fake_chat.url)
    text = "é🎉xy" * 4083  # 8 bytes each; with quotes 32,666 bytes
    ann.write(f"{text}\n{text}xyz\n")
    assert ann.finish() == 1
    assert [json.loads(frame)["message"] for _, frame in fake_chat.kept["lobby"]] == [text]
    assert max(len(frame.encode()) for frame in fake_chat.received) <= 32_768


def test_json_lines_in_and_out(fake_chat, terminal):
    values = ['{"a":1.0e0}', "[1,2]", "null", '"text\\nwith a line break"', '{"typing":true}']
    ann = terminal("--json", fake_chat.url)
    ann.write("\n".join([*values, "not JSON"]))
    assert ann.finish() == 1
    assert "chat: a line was not sent: it is not JSON" in ann.errors
    assert [json.loads(line)["type"] for line in ann.lines] == ["entered", *["message"] * 5]
    assert [line.partition('"message":')[2] for line in ann.lines[1:]] == [value + "}" for value in values]


def test_ctrl_c_leaves_the_room_and_exits(fake_chat, terminal):
    ann = terminal("--listen", fake_chat.url)
    eventually(lambda: [member.entered for member in fake_chat.members], [0], 30)
    assert ann.interrupt() == 130
    assert ann.errors == ""
    eventually(lambda: fake_chat.members, [])


def test_sigterm_exits(fake_chat, terminal):
    ann = terminal("--listen", fake_chat.url)
    eventually(lambda: len(fake_chat.members), 1, 30)
    ann.process.send_signal(signal.SIGTERM)
    assert ann.process.wait(30) == 143
    assert ann.errors == ""


def test_in_a_terminal_ctrl_d_ends_the_input(fake_chat, tmp_path):
    controller, device = pty.openpty()
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    command = [ROOT / "scripts/chat", "--name", "Ann", fake_chat.url]
    with subprocess.Popen(command, stdin=device, stdout=subprocess.PIPE, text=True, env=environment) as process:
        os.write(controller, b"typed\n\x04")
        output, _ = process.communicate(timeout=60)
    os.close(controller)
    os.close(device)
    assert process.returncode == 0
    assert output.endswith("<Ann> typed\n")


def test_a_closed_output_ends_it_without_a_traceback(fake_chat):
    reader, writer = os.pipe()
    os.close(reader)
    command = [ROOT / "scripts/chat", "--no-key", fake_chat.url]
    run = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writer)
    assert run.returncode == 1
    assert run.stderr == b""


def test_does_not_read_more_input_than_it_can_send(fake_chat, terminal):
    fake_chat.deliveries.clear()
    ann = terminal("--no-key", fake_chat.url)
    eventually(lambda: len(fake_chat.members), 1, 30)
    os.set_blocking(ann.process.stdin.fileno(), False)
    written = 0
    line = b"x" * 1000 + b"\n"
    with pytest.raises(BlockingIOError):
        for _ in range(10_000):
            written += os.write(ann.process.stdin.fileno(), line)
    assert written < 1_000_000
    ann.stop()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--room", "a b"], 2, "--room must be 1 to 64 of"),
        (["--name", ""], 2, "--name must be 1 to 64 characters"),
        (["--name", "a\nb"], 2, "--name must be 1 to 64 characters"),
        (["--in-flight", "0"], 2, "--in-flight: invalid"),
        (["http://127.0.0.1/"], 2, "must start with wss:// or ws://"),
        (["ws://example.com/dev"], 2, "would send the key or the token unencrypted"),
        (["wss://user:secret@example.com/"], 2, "have no user"),
        (["wss://example.com/?room=x"], 2, "give the room and the name as options"),
        (["wss://example.com/?token=x"], 2, "give the room and the name as options"),
        (["wss://example.com:99999/"], 2, "out of range"),
        (["--no-key", "--key-file", "x"], 2, "exclude each other"),
        (["--no-key", "--token-file", "x"], 2, "exclude each other"),
        (["--token-file", "-"], 2, "not -"),
        (["--token-file", "/nonexistent", "ws://127.0.0.1:9/"], 1, "cannot read the token file"),
        (["ws://127.0.0.1:9/"], 1, "cannot connect"),
    ],
)
def test_wrong_arguments_are_explained(terminal, arguments, code, message):
    run = terminal(*arguments)
    assert run.finish() == code
    assert message in run.errors
    assert "Traceback" not in run.errors


def test_a_refused_handshake_ends_it_with_the_servers_reason(fake_chat, terminal):
    fake_chat.refusal = (403, "not you")
    run = terminal(fake_chat.url)
    assert run.finish() == 1
    assert run.errors == "chat: the server answered 403 not you\n"


def test_a_server_that_is_busy_is_tried_again(fake_chat, terminal):
    fake_chat.refusal = (429, "")
    ann = terminal(fake_chat.url)
    eventually(lambda: len(fake_chat.handshakes), lambda count: count >= 2, 30)
    fake_chat.refusal = None
    ann.write("Hello\n")
    assert ann.finish() == 0


def test_finds_a_running_scripts_dev(fake_chat, terminal, tmp_path):
    root = tmp_path / "clone"
    for folder in ("scripts", "requirements"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / ".venv").symlink_to(ROOT / ".venv")
    run = terminal(root=root)
    assert run.finish() == 78
    assert "no URL was given and scripts/dev is not running" in run.errors
    (root / ".dev").mkdir()
    http = fake_chat.url.replace("ws:", "http:")
    (root / ".dev/env").write_text(f"unset AWS_PROFILE\nexport AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI={http}\n")
    run = terminal(root=root)
    run.write("found\n")
    assert run.finish() == 0
    assert len(fake_chat.kept["lobby"]) == 1


def test_two_people_talk_through_the_real_stack(stack, terminal):
    ann = terminal("--name", "Ann", "--room", "terminal", "--no-key", stack.websocket_url)
    ann.wait_for("you are <Ann>")
    bob = terminal("--name", "Bob", "--room", "terminal", "--no-key", stack.websocket_url)
    bob.write("Hello Ann\n")
    ann.wait_for("<Bob> Hello Ann")
    ann.write("Hello Bob\n")
    bob.wait_for("<Ann> Hello Bob")
    assert bob.finish() == 0
    ann.wait_for("<Bob> left; 1 person")
    assert ann.finish() == 0
    assert "Traceback" not in ann.errors + bob.errors
