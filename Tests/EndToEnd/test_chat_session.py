"""The client of scripts/chat without I/O: whole conversations in simulated time, with losses of every kind."""

import json

import chat_catch_up
import pytest
from chat_catch_up import CatchUp, id_at
from chat_json import elements, members
from chat_outbox import ANSWER_WITHIN
from chat_session import SILENCE
from chat_simulation import START, Client, World
from fake_chat_rooms import FAILS, KEPT_ONLY, RateLimited, gathered
from fake_chat_rooms import SILENCE as LOST_REQUEST


@pytest.mark.parametrize("seed", range(6))
def test_misses_nothing_and_repeats_nothing_whatever_is_lost(seed):
    world = World(seed)
    world.page = world.random.choice([3, 50])
    # As in a large room.
    world.gathers_for = 5 * (seed % 2)
    reader, ann, bob = Client(world, "reader"), Client(world, "ann", 8), Client(world, "bob", 3)
    world.run(5)
    for number in range(150):
        for writer in (ann, bob):
            world.after(world.random.uniform(0, 300), lambda writer=writer, number=number: writer.submit(number))
    for _ in range(30):
        world.after(world.random.uniform(0, 300), reader.cut)
    for _ in range(8):
        world.after(world.random.uniform(0, 300), world.random.choice([ann, bob]).cut)
        fault = world.random.choice([LOST_REQUEST, KEPT_ONLY, FAILS, "unavailable", "rate_limited"])
        world.after(world.random.uniform(0, 300), lambda fault=fault: world.faults["send"].append(fault))
        world.after(world.random.uniform(0, 300), lambda: world.faults["history"].append("unavailable"))
        world.after(world.random.uniform(0, 300), lambda: world.faults["enter"].append("unavailable"))
    world.run(1000)

    kept = [json.loads(frame) for _, frame in world.kept["lobby"]]
    assert sorted((frame["from"]["name"], frame["message"]) for frame in kept) == sorted(
        (writer, number) for writer in ("ann", "bob") for number in range(150)
    )
    assert sorted(reader.shown) == world.kept["lobby"]
    assert ann.session.is_settled
    assert bob.session.is_settled


@pytest.fixture
def world():
    return World(1)


def test_one_message_in_flight_keeps_the_order(world):
    writer = Client(world, "ann")
    for _ in range(10):
        world.after(world.random.uniform(0, 20), writer.cut)
    writer.submit(*range(200))
    world.run(300)
    assert [json.loads(frame)["message"] for _, frame in world.kept["lobby"]] == list(range(200))


def test_gathered_messages_are_shown_and_acknowledged_one_by_one(world):
    reader, writer = Client(world, "reader"), Client(world, "ann", 8)
    world.run(10)
    world.gathers_for = 2
    writer.submit(*range(5))
    world.run(world.time + 3)
    assert reader.messages == writer.messages == list(range(5))
    assert writer.session.is_settled
    assert [raw for _, raw in reader.shown] == [frame for _, frame in world.kept["lobby"]]


def test_malformed_messages_among_gathered_ones_are_dropped(world):
    reader = Client(world, "reader")
    world.run(10)
    for number in range(2):
        world.keep(number)
    first, second = [frame for _, frame in world.kept["lobby"]]
    ephemeral = second.replace('"message":1', '"ephemeral":true,"message":1')
    malformed = ["5", "null", "[]", "{}", '{"type":"who","users":[],"count":0}', first.replace('"id"', '"key"'), gathered([first])]
    reader.member.post(gathered([*malformed, ephemeral, first, *malformed, second, first]))
    world.run(11)
    assert reader.messages == [0, 1]
    kinds = [event.kind for event in reader.events if event.kind != "entered"]
    assert kinds == [*["error"] * len(malformed), "ephemeral", "message", *["error"] * len(malformed), "message"]


def test_the_first_connect_shows_the_latest_messages_in_order(world):
    for number in range(70):
        world.keep(number, at=START * 1000 - 70 + number)
    reader = Client(world, "reader")
    world.run(300)
    assert reader.messages == list(range(20, 70))


def reader_that_catches_up(world):
    """Returns a client that has connected again and has not yet read the nine messages that it missed."""
    world.page = 2
    reader = Client(world, "reader")
    world.run(1)
    reader.cut()
    for number in range(9):
        world.keep(number)
    while not reader.member:
        world.run(world.time + 0.01)
    return reader


def test_messages_that_arrive_during_a_catch_up_are_shown_after_it(world):
    reader = reader_that_catches_up(world)
    world.keep("live", deliver=True)
    world.run(300)
    assert reader.messages == [*range(9), "live"]


def test_a_message_whose_delivery_was_cut_off_appears_within_minutes(world):
    reader, writer = Client(world, "reader"), Client(world, "ann")
    world.run(200)
    world.faults["send"].append(KEPT_ONLY)
    writer.submit("lost", "next")
    world.run(world.time + 150)
    assert sorted(reader.messages) == ["lost", "next"]


def test_another_persons_client_id_is_no_acknowledgment(world):
    writer = Client(world, "ann")
    world.run(1)
    world.faults["send"].append(LOST_REQUEST)
    writer.submit("mine")
    forged = {"type": "message", "id": id_at(world.now()), "clientId": "ann-1", "room": "lobby"}
    forged |= {"from": {"id": "eve", "name": "ann"}, "at": "2026-11-25T16:04:26.123Z", "message": "forged"}
    writer.member.post(json.dumps(forged))
    world.run(world.time + 1)
    assert not writer.session.is_settled
    world.run(world.time + 2 * ANSWER_WITHIN)
    assert [json.loads(frame)["message"] for _, frame in world.kept["lobby"]] == ["mine"]


def test_an_error_of_api_gateway_makes_the_client_look_for_its_message(world):
    writer = Client(world, "ann")
    world.run(10)
    world.faults["send"].append(FAILS)
    writer.submit("failed")
    world.run(world.time + 6)
    assert writer.messages == ["failed"]
    assert writer.session.is_settled


@pytest.mark.parametrize("code", ["invalid", "too_large", "forbidden"])
def test_a_refused_message_fails_once_and_the_next_is_sent(world, code):
    writer = Client(world, "ann")
    world.faults["send"].append(code)
    writer.submit("refused", "good")
    world.run(100)
    assert [event.fields["code"] for event in writer.events if event.kind == "failed"] == [code]
    assert writer.messages == ["good"]
    assert writer.session.is_settled


def test_limited_messages_wait_for_the_servers_time_in_order(world):
    writer = Client(world, "ann")
    world.run(10)
    world.faults["send"] += [RateLimited(20_000)] * 10
    writer.submit("one", "two")
    world.run(200)
    assert writer.messages == []
    world.run(230)
    assert writer.messages == ["one", "two"]
    assert len([text for text in world.received if '"send"' in text]) == 12


@pytest.mark.parametrize("retry_after", ["soon", -1, None])
def test_an_unreadable_time_leaves_the_backoff(world, retry_after):
    writer = Client(world, "ann")
    world.run(10)
    world.faults["send"].append(RateLimited(retry_after))
    writer.submit("one")
    world.run(20)
    assert writer.messages == ["one"]


def test_a_deleted_message_is_not_shown_again(world):
    reader = Client(world, "reader")
    world.run(1)
    seen, unseen = world.keep("seen", deliver=True), world.keep("unseen")
    world.run(2)
    kept = list(world.kept["lobby"])
    for message_id in (seen, unseen):
        world.delete(message_id)
    world.kept["lobby"] = kept
    world.run(3)
    for _ in range(2):
        reader.cut()
        world.run(world.time + 10)
    assert reader.messages == ["seen"]
    assert [event.fields["id"] for event in reader.events if event.kind == "deleted"] == [seen, unseen]


def test_a_message_that_waits_for_the_catch_up_can_be_deleted(world):
    reader = reader_that_catches_up(world)
    message_id = world.keep("live", deliver=True)
    world.delete(message_id)
    world.run(300)
    assert reader.messages == list(range(9))


def test_an_own_message_that_is_deleted_before_it_comes_back_is_acknowledged(world):
    writer = Client(world, "ann")
    world.run(10)
    world.faults["send"].append(KEPT_ONLY)
    writer.submit("hasty")
    world.run(world.time + 1)
    [(message_id, frame)] = world.kept["lobby"]
    world.delete(message_id)
    world.say(frame)
    world.run(world.time + 1)
    assert writer.session.is_settled
    assert writer.messages == []


def test_a_dead_connection_is_replaced(world):
    reader = Client(world, "reader")
    world.run(10)
    member = reader.member
    member._travel = lambda *_: None
    world.run(10 + SILENCE + ANSWER_WITHIN + 20)
    assert reader.member is not member
    world.keep("hello", deliver=True)
    world.run(world.time + 10)
    assert reader.messages == ["hello"]


def test_a_server_that_answers_no_heartbeat_keeps_the_third_connection(world):
    world.answers_heartbeats = False
    reader = Client(world, "reader")
    world.run(1000)
    member = reader.member
    world.run(5000)
    assert reader.member is member


def test_a_page_without_progress_ends_the_catch_up():
    catch_up = CatchUp()
    catch_up.start()
    catch_up.answered([id_at(100_000)], False, 0)
    request = catch_up.start()
    for _ in range(10):
        if request:
            request = catch_up.answered([], True, 0)
    assert request is None


def test_memory_is_bounded_without_history(world, monkeypatch):
    monkeypatch.setattr(chat_catch_up, "SEEN_LIMIT", 1000)
    world.keeps = False
    reader = Client(world, "reader")
    world.run(5)
    catch_up = reader.session._catch_up
    for number in range(3000):
        assert catch_up.is_new(id_at(START * 1000 + number), True)
    assert len(catch_up._seen) <= 1000


NESTED = "[" * 50_000 + "]" * 50_000


def test_a_deeply_nested_message_does_not_block_the_history(world):
    world.kept["lobby"] = [
        (id, frame.replace('"X"', NESTED)) for id, frame in [(world.keep("X"), world.kept["lobby"][-1][1])]
    ]
    world.keep("after")
    reader = Client(world, "reader")
    world.run(1)
    events = [event.fields["message"] for event in reader.events if event.kind == "message"]
    assert events == [NESTED, '"after"']


@pytest.mark.parametrize(
    "frame",
    [
        "hello",
        "[1]",
        '{"type":"message"}',
        '{"type":"entered"}',
        '{"type":["message"]}',
        '{"type":"history","messages":5}',
        '{"type":"presence","event":"join","user":null}',
        '{"type":"who"}',
        '{"type":"messages"}',
        '{"type":"messages","messages":5}',
        '{"type":"messages","messages":[{}]}',
        f'{{"type":"messages","messages":[{NESTED}]}}',
        '{"type":"deleted"}',
        '{"type":"deleted","id":[1]}',
        '{"type":"error"}',
        '{"message":"x","connectionId":"c","requestId":"r"}',
        NESTED,
        "{",
        "{,}",
        '{"a"',
        "",
    ],
    ids=lambda text: text[:40],
)
def test_no_frame_ends_the_client(world, frame):
    reader = Client(world, "reader")
    world.run(1)
    reader.member.post(frame)
    world.keep("after", deliver=True)
    world.run(10)
    assert reader.messages == ["after"]


def test_parts_of_json_keep_their_bytes():
    text = ' {"a" : {"b":[1,2,{"x":"}]\\""}]}, "c":[], "d": "x" ,"e":1.0e0, "\\u0066":{ } }'
    assert members(text) == {"a": '{"b":[1,2,{"x":"}]\\""}]}', "c": "[]", "d": '"x"', "e": "1.0e0", "f": "{ }"}
    assert elements('[1, [2,[3]], "a,b" , {"k":[1]}]') == ["1", "[2,[3]]", '"a,b"', '{"k":[1]}']
    assert elements("[]") == []
    assert members("{}") == {}
