"""scripts/deploy with the local AWS, which verifies signatures: create, update and delete everything."""

import functools
import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import ROOT
from stack import CONTENT_TYPES, FUNCTIONS, DeployError, Stack
from websockets.sync.client import connect

HI = '{"message":"hi"}'
NAME = "deployed"
PAGE = {file.name: file.read_bytes() for file in (ROOT / "web").iterdir()}


@pytest.fixture
def deploy(stack, code, tmp_path):
    """A function that runs scripts/deploy with options. Resources that a failed test leaves are deleted."""

    def run(*options, status=0):
        command = [ROOT / "scripts/deploy", "--stack-name", NAME, "--directory", tmp_path / "page"]
        command += [] if "--delete" in options else ["--zip", code]
        command += options
        environment = {**os.environ, **stack.environment}
        process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert process.returncode == status, process.stderr
        print(process.stderr)
        return process

    yield run
    if any(NAME in thing for thing in everything(stack)):
        run("--parameter", "DeletionProtection=false")
        run("--delete")


@functools.cache
def client(stack, service):
    """Returns a cached client, because creating one takes longer than a call."""
    return stack.client(service)


def everything(stack):
    """Returns the names of all resources in the account of the types that a deployment creates."""
    listed = {
        "cloudformation": ("list_stacks", "StackSummaries", "StackName"),
        "s3": ("list_buckets", "Buckets", "Name"),
        "dynamodb": ("list_tables", "TableNames", None),
        "lambda": ("list_functions", "Functions", "FunctionName"),
        "apigatewayv2": ("get_apis", "Items", "ApiId"),
        "iam": ("list_roles", "Roles", "RoleName"),
        "logs": ("describe_log_groups", "logGroups", "logGroupName"),
        "sns": ("list_topics", "Topics", "TopicArn"),
        "sqs": ("list_queues", "QueueUrls", None),
        "cloudwatch": ("describe_alarms", "MetricAlarms", "AlarmName"),
    }
    names = set()
    for service, (operation, field, key) in listed.items():
        # SQS leaves out an empty list.
        items = getattr(client(stack, service), operation)().get(field, [])
        if service == "cloudformation":  # deleted stacks stay listed
            items = [item for item in items if item["StackStatus"] != "DELETE_COMPLETE"]
        names |= {f"{service} {item[key] if key else item}" for item in items}
    dashboards = client(stack, "cloudwatch").list_dashboards()["DashboardEntries"]
    distributions = client(stack, "cloudfront").list_distributions()["DistributionList"].get("Items", [])
    names |= {f"dashboard {each['DashboardName']}" for each in dashboards}
    return names | {f"distribution {each['Id']}" for each in distributions}


def resource(stack, logical_id, name=NAME):
    [found] = client(stack, "cloudformation").describe_stack_resources(StackName=name, LogicalResourceId=logical_id)[
        "StackResources"
    ]
    return found["PhysicalResourceId"]


def urls(process):
    return dict(line.split(": ", 1) for line in process.stdout.splitlines())


def exchange(socket):
    """Sends a message and receives it, with the route's answer, which only the local AWS sends."""
    socket.send(HI)
    assert sorted(socket.recv(timeout=10) for _ in range(2)) == ["Message sent.", HI]


def test_deploys_updates_in_place_and_deletes_everything(stack, deploy, tmp_path):
    before = everything(stack)
    first = deploy("--parameter", "DeletionProtection=true")
    url = urls(first)["WebSocket"]
    assert re.search(r"CREATE_COMPLETE +ConnectionsTable", first.stderr)
    assert json.loads((tmp_path / "page/config.json").read_text()) == {"url": url}
    assert {file.name for file in (tmp_path / "page").iterdir()} == {"config.json", *PAGE}
    for file in PAGE:
        assert (tmp_path / "page" / file).read_bytes() == PAGE[file]

    table = resource(stack, "ConnectionsTable")
    function = resource(stack, "MessageFunction")
    with connect(url, proxy=None) as socket:
        exchange(socket)
        [row] = client(stack, "dynamodb").scan(TableName=table)["Items"]

        second = deploy("--parameter", "MemorySize=512", "--tag", "team=chat")
        assert "modify MessageFunction\n" in second.stderr
        assert urls(second) == urls(first)
        assert resource(stack, "ConnectionsTable") == table
        assert client(stack, "dynamodb").scan(TableName=table)["Items"] == [row]
        exchange(socket)
    configuration = client(stack, "lambda").get_function(FunctionName=function)
    assert configuration["Configuration"]["MemorySize"] == 512
    assert configuration["Tags"]["team"] == "chat"

    assert "nothing to change" in deploy().stderr

    # The first run's parameter was kept by two runs that did not pass it.
    refused = deploy("--delete", status=1)
    assert f"the table {table} is protected from deletion, so nothing was removed" in refused.stderr
    assert client(stack, "dynamodb").describe_table(TableName=table)
    deploy("--parameter", "DeletionProtection=false")
    assert f"all resources of {NAME} are deleted" in deploy("--delete").stderr
    assert everything(stack) == before
    assert not (tmp_path / "page").exists()


def test_monitoring_is_a_separate_stack_that_every_run_updates(stack, deploy):
    before = everything(stack)
    cloudwatch = client(stack, "cloudwatch")

    def alarms():
        return {each["AlarmName"]: each for each in cloudwatch.describe_alarms()["MetricAlarms"]}

    # Without --monitoring, nothing is created that has an idle cost.
    existing = alarms()
    refused = deploy("--parameter", "AlarmEmail=a@example.com", status=1)
    assert "AlarmEmail is a parameter of infra/monitoring.yaml; pass --monitoring too" in refused.stderr
    deploy()
    assert alarms() == existing
    assert not any(name.startswith(("dashboard", "sns")) for name in everything(stack) - before)

    monitored = deploy("--monitoring", "--parameter", "AlarmEmail=a@example.com")
    assert "#dashboards:name=" in urls(monitored)["Dashboard"]
    made = [alarm for name, alarm in alarms().items() if name not in existing]
    assert len(made) == 33
    topic = resource(stack, "AlarmTopic", f"{NAME}-monitoring")
    assert all(alarm["AlarmActions"] == [topic] for alarm in made)
    watched = {dimension["Value"] for alarm in made for dimension in alarm["Dimensions"]}
    functions = {resource(stack, f"{name}Function") for name in FUNCTIONS}
    assert functions | {resource(stack, "ConnectionsTable"), resource(stack, "MessagesTable")} < watched
    dashboard = cloudwatch.get_dashboard(DashboardName=resource(stack, "Dashboard", f"{NAME}-monitoring"))
    assert all(function in dashboard["DashboardBody"] for function in functions)
    [subscription] = client(stack, "sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert subscription["Endpoint"] == "a@example.com"

    # Without the option, the stack and its parameter are kept.
    again = deploy()
    assert "Dashboard" in urls(again)
    assert f"{NAME}-monitoring is up to date" in again.stderr
    deploy("--delete")
    assert everything(stack) == before


def test_a_failed_update_is_rolled_back_with_the_reason(stack, deploy, tmp_path):
    url = urls(deploy())["WebSocket"]
    s3 = client(stack, "s3")
    [bucket] = [each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith(f"{NAME}-code-")]
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert list(closed.values()) == [True] * 4
    [deployed] = s3.list_objects_v2(Bucket=bucket)["Contents"]

    broken = tmp_path / "broken.zip"
    broken.write_text("not a zip")
    failed = deploy("--zip", broken, status=1)
    assert "ended in UPDATE_ROLLBACK_COMPLETE" in failed.stderr
    assert re.search(r"^  (Connect|Disconnect|Message)Function: .*unzip", failed.stderr, re.MULTILINE)
    with connect(url, proxy=None) as socket:
        exchange(socket)

    # The next successful run deletes the broken zip.
    deploy()
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [deployed["Key"]]
    deploy("--delete")


@pytest.fixture
def bucket(stack):
    s3 = client(stack, "s3")
    s3.create_bucket(Bucket="of-someone")
    yield "of-someone"
    # Succeeds only if the bucket is empty.
    s3.delete_bucket(Bucket="of-someone")


def test_hosts_the_page_in_a_bucket_that_only_cloudfront_can_read(stack, deploy, bucket):
    before = everything(stack)
    page = urls(deploy("--page", "--bucket", bucket))
    assert page["Page"].startswith("https://")
    endpoint = stack.environment["AWS_ENDPOINT_URL"]

    def get(path):
        # The local AWS selects a distribution by the Host, here a name below .localhost.
        distribution = urlsplit(page["Page"]).netloc.partition(".")[0]
        host = f"{distribution}.cloudfront.localhost:{urlsplit(endpoint).port}"
        headers = {"Host": host, "X-Forwarded-Proto": "https"}
        with urllib.request.urlopen(urllib.request.Request(endpoint + path, headers=headers)) as response:
            return response.headers["Content-Type"], response.read()

    assert get("/")[1] == PAGE["index.html"]
    for file, content in PAGE.items():
        assert get(f"/{file}") == (CONTENT_TYPES[Path(file).suffix], content)
    assert json.loads(get("/config.json")[1]) == {"url": page["WebSocket"]}
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{endpoint}/{resource(stack, 'Bucket', f'{NAME}-page')}/index.html")
    deploy("--delete", "--bucket", bucket)
    assert everything(stack) == before


BROKEN = """
Resources:
  Sound: {Type: AWS::SNS::Topic}
  Broken: {Type: AWS::CloudWatch::Alarm, DependsOn: Sound, Properties: {ComparisonOperator: GreaterThanThreshold}}
"""


def test_a_failed_creation_reports_the_reason_and_leaves_nothing(stack):
    before = everything(stack)
    lines = []
    broken = Stack(client(stack, "cloudformation"), NAME, lines.append)
    with pytest.raises(DeployError, match=f"stack {NAME} ended in .*\n  Broken: MetricName"):
        broken.deploy(BROKEN, {})
    assert any(line.startswith("CREATE_COMPLETE") and line.endswith("Sound") for line in lines)
    assert broken.describe() is None
    assert everything(stack) == before


def test_an_unknown_or_malformed_parameter_is_reported(stack, deploy):
    before = everything(stack)
    assert "no parameter Memory; it has AccessLogs, " in deploy("--parameter", "Memory=1", status=1).stderr
    assert everything(stack) == before
    assert "'Memory' is not of the form KEY=VALUE" in deploy("--parameter", "Memory", status=2).stderr


def test_missing_credentials_are_reported_with_a_remedy(tmp_path):
    environment = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    command = [ROOT / "scripts/deploy", "--region", "us-east-1", "--delete"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert process.returncode == 1
    assert process.stderr == (
        "deploy: Unable to locate credentials; pass --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n"
    )
