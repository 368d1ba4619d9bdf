"""The outbox and the requests alone in a browser, with a fake connection and a fake clock. Needs no server."""


# ------------------------------------------------------------------ Outbox


def test_outbox_sends_one_message_at_a_time(evaluate):
    evaluate("['a', 'b', 'c'].forEach(write)")
    assert evaluate("sent") == ["frame a"]
    evaluate("outbox.confirm('a')")
    assert evaluate("sent") == ["frame a", "frame b"]
    evaluate("outbox.confirm('a')")
    assert evaluate("outbox.entries.map(({ id }) => id)") == ["b", "c"], "an echo confirms once"


def test_outbox_resends_on_the_next_connection(evaluate):
    evaluate("write('a')")
    evaluate("outbox.pause()")
    evaluate("canSend = false")
    evaluate("outbox.next()")
    assert evaluate("sent") == ["frame a"]
    evaluate("canSend = true")
    evaluate("outbox.next()")
    assert evaluate("sent") == ["frame a", "frame a"]


def test_outbox_reports_a_missing_echo_after_30_seconds(evaluate):
    evaluate("write('a')")
    assert evaluate("notices", after=29.9) == []
    assert evaluate("notices", after=0.2) == ["echo missing"]


def test_transient_error_looks_for_the_message_before_it_is_sent_again(evaluate):
    evaluate("['a', 'b'].forEach(write)")
    evaluate("outbox.serverFailed('a', 'unavailable', 'A service failed.')")
    # Half of the first backoff of 2 s: Math.random returns 0.5.
    assert evaluate("[sent, notices]", after=60) == [["frame a"], ["look in 1000 ms"]]
    evaluate("outbox.next()")
    assert evaluate("sent") == ["frame a", "frame a"]


def test_rate_limited_message_is_sent_again_after_the_backoff(evaluate):
    evaluate("write('a')")
    evaluate("outbox.serverFailed('a', 'rate_limited', 'Too many messages.')")
    assert evaluate("[sent.length, notices]", after=0.9) == [1, []]
    assert evaluate("[sent.length, notices]", after=0.2) == [2, []]


def test_rate_limited_message_is_sent_again_after_the_servers_time(evaluate):
    evaluate("['a', 'b'].forEach(write)")
    for count in range(1, 10):
        evaluate("outbox.serverFailed('a', 'rate_limited', 'Too many messages.', 3000)")
        assert evaluate("sent.length", after=2.9) == count
        assert evaluate("[sent.length, notices]", after=0.2) == [count + 1, []]
    evaluate("outbox.confirm('a')")
    assert evaluate("sent") == ["frame a"] * 10 + ["frame b"]


def test_lost_connection_ends_the_wait_of_a_limited_message(evaluate):
    evaluate("write('a')")
    evaluate("outbox.serverFailed('a', 'rate_limited', 'Too many messages.', 3000)")
    evaluate("outbox.pause()")
    evaluate("outbox.next()")
    assert evaluate("sent.length", after=4) == 2


def test_delivery_fails_after_five_attempts(evaluate):
    evaluate("['a', 'b'].forEach(write)")
    for _ in range(5):
        evaluate("outbox.serverFailed('a', 'unavailable', 'A service failed.')")
        evaluate("outbox.next()")
    assert evaluate("sent") == ["frame a"] * 5 + ["frame b"]
    assert evaluate("notices[notices.length - 1]") == "failed: A service failed."
    assert evaluate("outbox.entries.map(({ id, failed }) => [id, failed])") == [["a", True], ["b", False]]
    evaluate("outbox.confirm('b')")
    evaluate("outbox.retryFailed()")
    assert evaluate("sent[sent.length - 1]") == "frame a"


def test_permanent_errors_are_not_retried(evaluate):
    for id in ("invalid", "too_large", "forbidden"):
        evaluate(f"write('{id}')")
        evaluate(f"outbox.serverFailed('{id}', '{id}', 'No.')")
    assert evaluate("[sent, notices]", after=60) == [
        ["frame invalid", "frame too_large", "frame forbidden"],
        ["failed: No."] * 3,
    ]
    evaluate("outbox.removeFailed()")
    assert evaluate("outbox.entries") == []


def test_errors_for_other_messages_are_ignored(evaluate):
    evaluate("['a', 'b'].forEach(write)")
    evaluate("outbox.serverFailed('b', 'invalid', 'No.')")
    evaluate("outbox.confirm('a')")
    evaluate("outbox.serverFailed('a', 'invalid', 'No.')")
    assert evaluate("[sent, notices]") == [["frame a", "frame b"], []]


def test_doubt_shortens_the_wait_for_the_echo_once(evaluate):
    """Anyone can forge the error frame: it is no answer, and a flood of it must not prolong the wait."""
    evaluate("write('a')")
    for _ in range(4):
        evaluate("outbox.doubt('an error')", after=1)
    assert evaluate("notices", after=1.9) == []
    assert evaluate("notices", after=0.2) == ["look in 1000 ms"]
    evaluate("outbox.doubt('an error')")
    assert evaluate("notices", after=60) == ["look in 1000 ms"], "no message is in flight"


def test_doubt_of_a_delivered_message_has_no_effect(evaluate):
    evaluate("write('a')")
    evaluate("outbox.doubt('an error')")
    evaluate("outbox.confirm('a')")
    assert evaluate("[notices, outbox.entries]", after=60) == [[], []]


def test_recent_ids_drop_the_oldest(evaluate):
    evaluate("window.ids = new RecentIds()")
    assert evaluate("[ids.add('first'), ids.add('first')]") == [True, False]
    evaluate("for (let count = 0; count < 5000; count += 1) ids.add(`${count}`)")
    assert evaluate("[ids.add('4999'), ids.add('first')]") == [False, True]


# ------------------------------------------------------------------ Requests


def test_requests_are_sent_one_after_another(evaluate):
    evaluate("['enter', 'who', 'history'].forEach(request)")
    assert evaluate("requested") == ['{"action":"enter"}']
    evaluate("requests.answer({ kind: 'who' })")
    evaluate("requests.answer({ kind: 'entered' })")
    assert evaluate("[requested.length, answers]") == [2, ["entered"]]
    evaluate("requests.answer({ kind: 'who' })")
    evaluate("requests.answer({ kind: 'history' })")
    evaluate("requests.answer({ kind: 'history' })")
    assert evaluate("answers") == ["entered", "who", "history"]


def test_request_without_an_answer_times_out_after_30_seconds(evaluate):
    evaluate("request('enter')")
    assert evaluate("answers", after=29.9) == []
    assert evaluate("answers", after=0.2) == ["timed out"]


def test_error_fails_the_pending_request(evaluate):
    evaluate("['enter', 'who'].forEach(request)")
    assert evaluate("requests.fail('No.')") is True
    assert evaluate("[requested.length, answers]") == [2, ["failed No."]]
    evaluate("requests.answer({ kind: 'who' })")
    assert evaluate("[requests.fail('No.'), answers]") == [False, ["failed No.", "who"]]


def test_doubted_request_fails_after_5_seconds(evaluate):
    evaluate("request('enter')")
    for _ in range(4):
        evaluate("requests.doubt('an error')", after=1)
    assert evaluate("answers", after=1.9) == []
    assert evaluate("answers", after=0.2) == ["failed an error"]


def test_lost_connection_fails_all_requests(evaluate):
    evaluate("['enter', 'who'].forEach(request)")
    evaluate("requests.clear()")
    assert evaluate("[answers, requests.isPending]", after=60) == [["failed ", "failed "], False]
