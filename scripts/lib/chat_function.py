"""Options of the commands that invoke a function of the chat, and the calls that they share."""

import json
import os

import stack

CREDENTIALS = """\
Credentials and region are resolved as by the AWS CLI. The caller must be allowed lambda:InvokeFunction on the function, and
cloudformation:DescribeStacks unless --function is given. For a running scripts/dev: source .dev/env first.
"""


class Failed(Exception):
    """A command that could not be carried out. The text says why, for the person who gave it."""


def add_options(parser):
    parser.add_argument("--stack-name", default="chat", metavar="NAME", help="the chat's stack (chat)")
    parser.add_argument("--function", metavar="NAME", help="the function, instead of the one of the stack")
    parser.add_argument("--region", help="the AWS region")
    parser.add_argument("--profile", help="a profile in ~/.aws/config")


def run(program, command):
    """Runs `command` and returns its result. An error ends the process with a line that begins with the program's name.

    Call `stack.enter_environment` before: boto3 is in the virtual environment.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return command()
    except (Failed, BotoCoreError, ClientError) as error:
        raise SystemExit(f"{program}: {error}") from error


class Chat:
    """A deployed chat, found by the options of `add_options`."""

    def __init__(self, options):
        import boto3

        self._options = options
        # boto3 itself reads AWS_DEFAULT_REGION only.
        region = options.region or os.environ.get("AWS_REGION")
        self._session = boto3.Session(profile_name=options.profile, region_name=region)
        self._lambda = None
        self._outputs = None

    def client(self, service):
        return self._session.client(service)

    def output(self, name, purpose):
        """Returns an output of the stack. `purpose` says what it is for, in the error if there is none."""
        if self._outputs is None:
            found = stack.Stack(self.client("cloudformation"), self._options.stack_name).describe()
            if not found:
                raise Failed(f"there is no stack {self._options.stack_name}; pass --stack-name or --function")
            self._outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        if name not in self._outputs:
            raise Failed(f"the stack {self._options.stack_name} has no {purpose}; run scripts/deploy to update it")
        return self._outputs[name]

    def function(self, output, purpose):
        """Returns the function's name: that of the options, or an output of the stack."""
        return self._options.function or self.output(output, f"function for {purpose}")

    def invoke(self, function, event):
        """Invokes a function, waits for its result and returns it. Raises Failed with the function's error message."""
        answer = self._invoke(function, event, "RequestResponse")
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise Failed(result.get("errorMessage", "the function failed; its log has the cause"))
        return result

    def start(self, function, event):
        """Invokes a function asynchronously: returns once Lambda has accepted the event."""
        self._invoke(function, event, "Event")

    def caller(self):
        """Returns the ARN of the credentials."""
        return self.client("sts").get_caller_identity()["Arn"]

    def _invoke(self, function, event, kind):
        if not self._lambda:
            from botocore.config import Config

            # More than any function's timeout: boto3 would repeat the call, and publish a message twice.
            self._lambda = self._session.client("lambda", config=Config(read_timeout=120))
        return self._lambda.invoke(FunctionName=function, InvocationType=kind, Payload=json.dumps(event).encode())
