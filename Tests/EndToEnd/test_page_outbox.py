"""The outbox alone in a browser, with a fake connection and a fake clock. Needs no server."""


def test_outbox_sends_one_message_at_a_time(evaluate):
    evaluate("['a', 'b', 'c'].forEach(write)")
    assert evaluate("sent") == ["frame a"]
    assert evaluate("outbox.confirm('a').text") == "a"
    assert evaluate("sent") == ["frame a", "frame b"]
    assert evaluate("outbox.confirm('a') === undefined"), "an echo confirms once"
    assert evaluate("outbox.unconfirmed.map(({ id }) => id)") == ["b", "c"]


def test_outbox_ignores_a_pending_id(evaluate):
    evaluate("['a', 'a'].forEach(write)")
    assert evaluate("outbox.unconfirmed.length") == 1


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


def test_delivery_fails_after_five_attempts(evaluate):
    evaluate("['a', 'b'].forEach(write)")
    for _ in range(5):
        evaluate("outbox.serverFailed()")
        evaluate("0", after=16)
    assert evaluate("sent") == ["frame a"] * 5 + ["frame b"]
    assert evaluate("[notices[0], outbox.unconfirmed.map(({ id, failed }) => [id, failed])]") == [
        "delivery failed", [["a", True], ["b", False]],
    ]  # fmt: skip
    evaluate("outbox.confirm('b')")
    evaluate("outbox.retryFailed()")
    assert evaluate("sent[sent.length - 1]") == "frame a"


def test_failed_repeat_is_dropped(evaluate):
    evaluate("outbox.add({ id: 'a', text: 'a', frame: 'frame a', wasShown: true })")
    assert evaluate("outbox.unconfirmed") == []
    for _ in range(5):
        evaluate("outbox.serverFailed()")
        evaluate("0", after=16)
    evaluate("outbox.retryFailed()")
    assert evaluate("[sent.length, notices]") == [5, []]


def test_repeated_error_frames_count_as_one_failure(evaluate):
    evaluate("write('a')")
    evaluate("outbox.confirm('a')")
    evaluate("write('b')")
    for _ in range(10):
        evaluate("outbox.serverFailed()")
    assert evaluate("[sent, notices]") == [["frame a", "frame b"], []]


def test_recent_ids_drop_the_oldest(evaluate):
    evaluate("window.ids = new RecentIds()")
    assert evaluate("[ids.add('first'), ids.add('first')]") == [True, False]
    evaluate("for (let count = 0; count < 5000; count += 1) ids.add(`${count}`)")
    assert evaluate("[ids.add('4999'), ids.add('first')]") == [False, True]
