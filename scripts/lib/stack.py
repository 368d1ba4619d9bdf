"""Deploys the templates of infra/ with CloudFormation, to AWS or the local AWS, depending on the given clients."""

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra/template.yaml"
MONITORING_TEMPLATE = ROOT / "infra/monitoring.yaml"
# The chat stack's outputs that are parameters of the monitoring stack, and its other parameters.
FUNCTIONS = ("Connect", "Disconnect", "Message", "Enter", "Send", "History", "Who", "Publish", "Deliver")
QUEUES = ("DeliverDeadLetterQueueName", "PublishDeadLetterQueueName")
TABLES = ("TableName", "MessagesTableName")
MONITORED_OUTPUTS = ("ApiId", "StageName", *TABLES, *QUEUES, *(f"{name}Function" for name in FUNCTIONS))
MONITORING_PARAMETERS = {"AlarmEmail", "MonthlyBudget"}
PAGE_TEMPLATE = ROOT / "infra/page.yaml"
PAGE = ROOT / "web"
# CloudFront adds X-Content-Type-Options, with which browsers refuse scripts and styles of any other type.
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}
# The template's CodeUri, for other deployment tools.
LOCAL_CODE = "../dist/bootstrap.zip"


class DeployError(Exception):
    """CloudFormation refused a template, or a change of a stack failed."""


def pair(text):
    """Reads KEY=VALUE, for argparse."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key, value


def enter_environment(purpose="dev"):
    """Runs scripts/setup, then restarts the command in the virtual environment, which has boto3."""
    if Path(sys.prefix) == ROOT / ".venv":
        return
    if subprocess.run([ROOT / "scripts/setup", purpose], check=False).returncode != 0:
        sys.exit(1)
    python = str(ROOT / ".venv/bin/python")
    os.execv(python, [python, *sys.argv])


def local_management_api(endpoint, api_id="{apiId}", stage="{stage}"):
    """Returns the local AWS's URL for posts to connections; with the scheme ws, the URL for the connections."""
    return f"{endpoint.rstrip('/')}/_aws/execute-api/{api_id}/{stage}"


def local_websocket_url(endpoint, outputs):
    """Returns the WebSocket URL on the local AWS. The stack's own output, WebSocketUrl, has AWS's host name."""
    return local_management_api(endpoint, outputs["ApiId"], outputs["StageName"]).replace("http", "ws", 1)


def page_configuration(websocket_url, parameters):
    """Returns the page's config.json: with the issuer that the chat's parameters name, if they do."""
    configuration = {"url": websocket_url}
    if parameters.get("TokenIssuer"):
        client = parameters["TokenAudience"].split(",")[0]
        configuration["signIn"] = {"issuer": parameters["TokenIssuer"], "clientId": client}
    return configuration


def chat_parameters(endpoint):
    """Returns the chat stack's parameters for this machine and, with an endpoint, for the local AWS."""
    architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    local = {"ManagementApiEndpoint": local_management_api(endpoint), "HeartbeatAnswer": "false"} if endpoint else {}
    return {"Architecture": architecture, **local}


def code_key(code, prefix=""):
    """Returns the zip's key in its bucket. The key contains the hash, so that CloudFormation detects a change."""
    return f"{prefix}bootstrap-{hashlib.sha256(Path(code).read_bytes()).hexdigest()}.zip"


def chat_template(bucket, key):
    """Returns the chat's template with the zip's address in S3."""
    template = TEMPLATE.read_text()
    if template.count(LOCAL_CODE) != 1:
        raise DeployError(f"{TEMPLATE} must contain {LOCAL_CODE} exactly once; the zip's address in S3 replaces it")
    return template.replace(LOCAL_CODE, f"s3://{bucket}/{key}")


class Stack:
    """A CloudFormation stack. `say` is called with each line of progress."""

    def __init__(self, cloudformation, name, say=lambda line: None):
        self.cloudformation = cloudformation
        self.name = name
        self.say = say

    def describe(self):
        """Returns CloudFormation's description, or None if the stack does not exist."""
        try:
            return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except self.cloudformation.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def resource(self, logical_id):
        """Returns a resource's physical id, or None if the stack has no such resource."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        for page in pages:
            for resource in page["StackResourceSummaries"]:
                if resource["LogicalResourceId"] == logical_id:
                    return resource.get("PhysicalResourceId")
        return None

    def deploy(self, template, parameters, tags=None):
        """Creates or updates the stack and returns its outputs by name. Parameters that are not given keep their values."""
        stack = self.describe()
        if stack and stack["StackStatus"] == "ROLLBACK_COMPLETE":
            self.say(f"deleting {self.name}, whose creation failed")
            self.delete()
            stack = None
        is_new = not stack or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
        kept = [] if is_new else [each["ParameterKey"] for each in stack.get("Parameters", [])]
        try:
            change_set = self.create_change_set(template, self.parameters(template, parameters, kept), tags, is_new)
        except self.cloudformation.exceptions.ClientError as error:
            raise DeployError(f"CloudFormation refused the template of {self.name}: {error}") from error
        changes = self.changes(change_set["Id"])
        if changes is None:
            self.say(f"{self.name} is up to date; nothing to change")
        else:
            for change in [] if is_new else changes:
                self.say(change)
            before = self.event_ids(change_set["StackId"])
            self.cloudformation.execute_change_set(ChangeSetName=change_set["Id"])
            self.follow(change_set["StackId"], before, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))
        return {each["OutputKey"]: each["OutputValue"] for each in self.describe().get("Outputs", [])}

    def create_change_set(self, template, parameters, tags, is_new):
        options = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
        if is_new:
            # A failed creation leaves no stack that would block the next attempt.
            options["OnStackFailure"] = "DELETE"
        return self.cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateBody=template,
            Parameters=parameters,
            # For the functions' roles and the SAM transform.
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            **options,
        )

    def parameters(self, template, given, kept=()):
        """Returns given and kept parameters in CloudFormation's form. Raises DeployError for unknown names."""
        summary = self.cloudformation.get_template_summary(TemplateBody=template)
        names = {each["ParameterKey"] for each in summary.get("Parameters", [])}
        if unknown := sorted(given.keys() - names):
            raise DeployError(f"the template has no parameter {', '.join(unknown)}; it has {', '.join(sorted(names))}")
        return [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()] + [
            {"ParameterKey": name, "UsePreviousValue": True} for name in kept if name in names and name not in given
        ]

    def changes(self, change_set):
        """Waits for the change set and returns a line for each change, or None if the set is empty."""
        from botocore.exceptions import WaiterError

        waiter = self.cloudformation.get_waiter("change_set_create_complete")
        try:
            waiter.wait(ChangeSetName=change_set, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
        except WaiterError as error:
            self.cloudformation.delete_change_set(ChangeSetName=change_set)
            reason = error.last_response.get("StatusReason") or str(error)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return None
            raise DeployError(f"CloudFormation refused the change of {self.name}: {reason}")
        lines = []
        pages = self.cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        for change in (change["ResourceChange"] for page in pages for change in page["Changes"]):
            replaced = " (replacement)" if change.get("Replacement") == "True" else ""
            lines.append(f"{change['Action'].lower()} {change['LogicalResourceId']}{replaced}")
        return lines

    def delete(self):
        """Deletes the stack and waits for the end of the deletion."""
        stack = self.describe()
        if not stack:
            return
        before = self.event_ids(stack["StackId"])
        self.cloudformation.delete_stack(StackName=stack["StackId"])
        self.follow(stack["StackId"], before, ("DELETE_COMPLETE",))

    def events(self, stack_id):
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def event_ids(self, stack_id):
        return {event["EventId"] for event in self.events(stack_id)}

    def follow(self, stack_id, seen, wanted):
        """Reports events until the change ends; raises DeployError unless it ended in a wanted status.

        Stacks are identified by id, because a deleted stack is not found by name.
        """
        failures = []
        ended = None
        for seconds in pauses():
            for event in self.events(stack_id):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                status, resource = event["ResourceStatus"], event["LogicalResourceId"]
                if event.get("PhysicalResourceId") == stack_id:
                    ended = None if status.endswith("IN_PROGRESS") else status
                elif status.endswith("FAILED"):
                    failures.append(f"  {resource}: {event.get('ResourceStatusReason') or 'no reason given'}")
                if not status.endswith("IN_PROGRESS"):
                    self.say(f"{status:<24} {resource}")
            # Events and the stack's status are not updated together: wait for both.
            stack = self.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
            if ended and not stack["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(seconds)
        if ended not in wanted:
            reasons = failures or [f"  {stack.get('StackStatusReason') or 'no reason given'}"]
            raise DeployError("\n".join([f"the stack {self.name} ended in {ended}:", *reasons]))


def pauses():
    """Yields the seconds between polls: 0.1 at first, growing to 3, within CloudFormation's request quotas."""
    seconds = 0.1
    while True:
        yield seconds
        seconds = min(seconds * 1.5, 3)
