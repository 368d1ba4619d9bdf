"""Faults of a running stack: killed functions, and roles without a permission."""

import contextlib
import json
import pathlib

from conftest import ROOT
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = yaml_parse((ROOT / "infra/template.yaml").read_text())["Resources"]


def processes_of(stack, function):
    """Returns the processes of a function."""
    name = stack.resource(function)
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        # The process may end meanwhile.
        with contextlib.suppress(OSError):
            if f"AWS_LAMBDA_FUNCTION_NAME={name}\0".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def actions_of(statement):
    actions = statement["Action"]
    return actions if isinstance(actions, list) else [actions]


def policies_of(function):
    """Returns the policies of a function's role in the template: documents by name."""
    role = f"{function.capitalize()}Role"
    found = {each["PolicyName"]: each["PolicyDocument"] for each in TEMPLATE[role]["Properties"]["Policies"]}
    for resource in TEMPLATE.values():
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]:
            found[resource["Properties"]["PolicyName"]] = resource["Properties"]["PolicyDocument"]
    return found


@contextlib.contextmanager
def without(stack, function, action, policy=None, index=None):
    """Removes an action from a role, by default from all statements of all policies, and restores the policies at the end.

    With `policy` and `index`: only from that statement of that policy.
    """
    iam = stack.client("iam")
    role = stack.resource(f"{function.capitalize()}Role")
    with contextlib.ExitStack() as restored:
        removed = 0
        for name in [policy] if policy else iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            less = json.loads(json.dumps(document))
            for number, statement in enumerate(less["Statement"]):
                if index in (None, number) and action in actions_of(statement):
                    statement["Action"] = [each for each in actions_of(statement) if each != action]
                    removed += 1
            less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
            put = lambda document, name=name: iam.put_role_policy(
                RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
            )
            # A role without a policy: IAM accepts no empty one.
            if less["Statement"]:
                put(less)
            else:
                iam.delete_role_policy(RoleName=role, PolicyName=name)
            restored.callback(put, document)
        assert removed, f"the role of {function} has no {action}"
        yield
