"""The function `publish`: each example of docs/publishing.md in the local AWS, and scripts/send."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from chat_client import ChatClient
from chat_support import unique
from conftest import ROOT
from page_support import eventually
from stack import Stack as CloudFormationStack

PAGE = (ROOT / "docs/publishing.md").read_text()
LUNCH = "Lunch is ready"


def blocks(language):
    """Returns the page's examples in a language, joined."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def room():
    return unique("kitchen")


@pytest.fixture
def reader(stack, room):
    """A person in the room of the test."""
    with ChatClient(stack.websocket_url, room, "Reader") as client:
        client.enter()
        yield client


@pytest.fixture
def publish(stack):
    """A function that invokes `publish` and returns its answer."""

    def publish(event):
        payload = event if isinstance(event, str) else json.dumps(event)
        answer = stack.client("lambda").invoke(FunctionName=stack.resource("PublishFunction"), Payload=payload)
        return json.load(answer["Payload"])

    return publish


@pytest.fixture
def run(stack):
    """A function that runs a command with the stack's variables and returns its output, or its error."""

    def run(*command, status=0, **variables):
        environment = {**os.environ, **stack.environment, "PUBLISH_FUNCTION": stack.resource("PublishFunction"), **variables}
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert process.returncode == status, process.stderr
        return process.stdout if status == 0 else process.stderr

    return run


def test_a_message_is_stamped_kept_delivered_and_counted(publish, reader, room):
    answer = publish({"room": room, "message": {"b": [1.5, None], "a": "é"}, "from": {"name": "Kitchen"}})
    frame = reader.next("message")
    assert answer == {"id": frame["id"], "room": room, "reached": 1, "gone": 0, "slow": 0, "failed": 0, "handedOver": False}
    # Not byte for byte: the local AWS encodes the payload of an invocation again.
    assert list(frame["message"].items()) == [("b", [1.5, None]), ("a", "é")]
    assert frame["from"] == {"id": "service:Kitchen", "name": "Kitchen"}
    assert "clientId" not in frame
    assert reader.history()["messages"] == [frame]


def test_an_ephemeral_message_is_not_kept(publish, reader, room):
    assert publish({"room": room, "message": 1, "ephemeral": True})["reached"] == 1
    frame = reader.next("message")
    assert (frame["ephemeral"], frame["from"]) == (True, {"id": "service:service", "name": "service"})
    assert reader.history()["messages"] == []


def test_a_list_is_published_in_order_and_reports_each(publish, reader, room):
    events = [{"room": room, "message": number} for number in range(5)]
    answers = publish([*events[:2], {"room": "a room", "message": "x"}, {"message": "secret"}, *events[2:]])["messages"]
    assert [list(answer)[0] for answer in answers] == ["id", "id", "error", "error", "id", "id", "id"]
    assert [answer["error"]["code"] for answer in answers[2:4]] == ["invalid", "invalid"]
    assert "secret" not in json.dumps(answers)
    frames = [reader.next("message") for _ in events]
    assert sorted(frame["message"] for frame in frames) == list(range(5))
    assert [message["message"] for message in reader.history()["messages"]] == list(range(5))


LONGEST = 32_768 - 2


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"room": None}, "room"),
        ({"room": "x" * 65}, "room"),
        ({"message": ...}, "message"),
        ({"message": "x" * (LONGEST + 1)}, "message"),
        ({"from": {"name": ""}}, "from.name"),
        ({"from": {"name": "secret\n"}}, "from.name"),
        ({"from": {"name": "Ann", "id": "secret"}}, "from"),
        ({"from": "secret"}, "from"),
        ({"ephemeral": "secret"}, "ephemeral"),
        ({"emphemeral": "secret"}, "ephemeral"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_message_fails_the_invocation_with_the_field(publish, room, fields, named):
    event = {name: value for name, value in {"room": room, "message": "secret", **fields}.items() if value is not ...}
    error = publish(event)
    assert named in error["errorMessage"]
    assert "secret" not in json.dumps(error)


@pytest.mark.parametrize("event", ["5", '"x"', "null", "[]", "{}", '{"Records":[]}', '{"Records":5}'])
def test_an_event_of_no_known_form_fails_the_invocation(publish, event):
    assert publish(event)["errorMessage"]


def test_the_longest_message_is_published_and_lists_end_at_100(publish, reader, room):
    assert publish({"room": room, "message": "x" * LONGEST})["reached"] == 1
    assert len(reader.next("message")["message"]) == LONGEST
    event = {"room": unique("empty"), "message": 1}
    assert len(publish([event] * 100)["messages"]) == 100
    assert "100" in publish([event] * 101)["errorMessage"]


def test_scripts_send(run, reader, room):
    script = ROOT / "scripts/send"
    answer = json.loads(run(script, room, LUNCH))
    frame = reader.next("message")
    assert (answer["id"], answer["reached"], frame["message"]) == (frame["id"], 1, LUNCH)
    run(script, "--name", "Deploy", "--ephemeral", "--json", room, '{"version": 7}')
    frame = reader.next("message")
    assert (frame["from"]["name"], frame["ephemeral"], frame["message"]) == ("Deploy", True, {"version": 7})
    assert "room must be" in run(script, "a room", "x", status=1).replace("room 1", "room must be 1")
    assert "must be JSON" in run(script, "--json", room, "{", status=2)
    assert "no stack none" in run(script, "--stack-name", "none", room, "x", status=1)


def test_a_caller_without_the_right_is_refused(stack, run, reader, room):
    iam = stack.client("iam")
    user = unique("user")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    function = stack.resource("PublishFunction")
    command = (ROOT / "scripts/send", "--function", function, room, LUNCH)
    assert "AccessDenied" in run(*command, status=1, **keys)
    arn = f"arn:aws:lambda:*:*:function:{function}"
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName=user, PolicyName="publisher", PolicyDocument=policy)
    assert json.loads(run(*command, **keys))["reached"] == 1
    assert reader.next("message")["message"] == LUNCH
    assert reader.quiet() == []


def test_the_python_example(run, reader, room):
    output = run(sys.executable, "-c", blocks("python").replace("kitchen", room))
    frame = reader.next("message")
    assert (frame["message"], frame["from"]["name"]) == (LUNCH, "Kitchen")
    assert output == f"{frame['id']} 1\n"


# scripts/setup does not install the AWS CLI, whose pip package needs another botocore than the local AWS's client.
@pytest.mark.skipif(not shutil.which("aws"), reason="the AWS CLI is not installed")
def test_the_cli_example(run, reader, room):
    output = run("bash", "-c", blocks("sh").replace("kitchen", room))
    frame = reader.next("message")
    assert frame["message"] == LUNCH
    # The answer, then the CLI's own output.
    assert json.JSONDecoder().raw_decode(output)[0]["id"] == frame["id"]


# Services


class Services:
    """The stack of the page's CloudFormation examples, for one room."""

    def __init__(self, stack):
        self.stack = stack
        self.room = unique("kitchen")
        now = f"at({datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S})"
        template = blocks("yaml").replace('"kitchen"', f'"{self.room}"').replace("room: kitchen", f"room: {self.room}")
        assert template.count("cron(0 12 ? * MON-FRI *)") == 1
        self.deployed = CloudFormationStack(stack.client("cloudformation"), unique("services"))
        parameters = {name: stack.resource(name) for name in ("PublishFunction", "PublishRole")}
        self.reader = ChatClient(stack.websocket_url, self.room, "Reader")
        # The schedule is due at once.
        self.deployed.deploy(template.replace("cron(0 12 ? * MON-FRI *)", now), parameters)

    def __getitem__(self, logical_id):
        return self.deployed.resource(logical_id)

    def event(self, message):
        return json.dumps({"room": self.room, "message": message})

    def heard(self, message, timeout=20):
        return self.reader.next("message", timeout, lambda frame: frame["message"] == message)


@pytest.fixture(scope="module")
def services(stack_of, code):
    services = Services(stack_of(code))
    yield services
    services.reader.connection.close()
    services.deployed.delete()


def test_eventbridge_publishes_details_and_transformed_events(services):
    entries = [
        {"Source": "shop", "DetailType": "Announcement", "Detail": services.event("an announcement")},
        {"Source": "shop", "DetailType": "Deployed", "Detail": json.dumps({"version": "7.1"})},
    ]
    assert services.stack.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    assert services.heard("an announcement")["from"]["name"] == "service"
    assert services.heard("Version 7.1 is live")["from"]["name"] == "Deploy"


def test_sns_publishes_its_messages(services):
    services.stack.client("sns").publish(TopicArn=services["Topic"], Message=services.event("from a topic"))
    assert services.heard("from a topic")


def test_sqs_keeps_only_the_messages_that_failed(services):
    sqs = services.stack.client("sqs")
    queue = services["Queue"]
    bodies = [services.event(0), "not JSON", services.event(1), '{"room":"a room","message":1}', services.event(2)]
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 5
    for number in range(3):
        assert services.heard(number)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = lambda: sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    # They become visible again after VisibilityTimeout.
    eventually(counts, dict(zip(names, ("0", "2"), strict=True)), 20)


def test_step_functions_get_the_answer(services):
    machine = services.stack.client("stepfunctions")
    started = machine.start_execution(stateMachineArn=services["Order"], input=json.dumps({"number": 42}))["executionArn"]
    frame = services.heard("Order 42 is ready")
    ended = eventually(lambda: machine.describe_execution(executionArn=started), lambda one: one["status"] != "RUNNING", 20)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {
        **{"id": frame["id"], "room": services.room, "reached": 1, "gone": 0, "slow": 0, "failed": 0, "handedOver": False}
    }


def test_a_schedule_publishes(services):
    # The local AWS looks for due schedules each 10 s.
    frame = services.heard(LUNCH, 30)
    assert frame["ephemeral"] is True
