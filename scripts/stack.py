"""Deploys infra/template.yaml through CloudFormation, to whichever AWS the given clients speak to."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra/template.yaml"
ZIP = ROOT / "dist/bootstrap.zip"
# What the template says for people who deploy it with other tools.
LOCAL_CODE = "../dist/bootstrap.zip"


class DeployError(Exception):
    """CloudFormation did not take the template, or could not make what it asks for."""


def upload(s3, bucket, code):
    """Puts the zip into the bucket under its own hash; returns its s3:// address."""
    content = Path(code).read_bytes()
    key = f"bootstrap-{hashlib.sha256(content).hexdigest()}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def create(cloudformation, name, code_address, parameters):
    """Creates the stack and waits for it; returns its outputs by name."""
    template = TEMPLATE.read_text()
    if template.count(LOCAL_CODE) != 1:
        raise DeployError(f"{TEMPLATE} must name {LOCAL_CODE} exactly once, to be replaced by where the zip lies")
    try:
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=template.replace(LOCAL_CODE, code_address),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            # The roles of the functions; the SAM transform.
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except cloudformation.exceptions.ClientError as error:
        raise DeployError(f"CloudFormation refuses {TEMPLATE}: {error}") from error
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    except Exception as error:
        raise DeployError(f"the stack {name} was not made:\n{failures(cloudformation, name)}") from error
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def failures(cloudformation, name):
    """Which resources failed, and why, a line each."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return "\n".join(
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    )
