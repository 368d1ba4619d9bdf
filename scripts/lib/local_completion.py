"""Adds to a deployed chat what the local AWS's CloudFormation leaves out."""


def complete(client, outputs):
    """Completes the chat with these outputs of its stack. `client` returns the boto3 client of a service."""
    answer_heartbeats(client("apigatewayv2"), outputs["ApiId"])
    for name in ("Publish", "Deliver"):
        keep_failed_events(client, outputs[f"{name}Function"], outputs[f"{name}DeadLetterQueue"])


def answer_heartbeats(apigatewayv2, api_id):
    """Adds the heartbeat's answer: CloudFormation lacks the resource types that define it."""
    [route] = [each for each in apigatewayv2.get_routes(ApiId=api_id)["Items"] if each["RouteKey"] == "heartbeat"]
    integration = {"ApiId": api_id, "IntegrationId": route["Target"].removeprefix("integrations/")}
    if not apigatewayv2.get_integration_responses(**integration)["Items"]:
        apigatewayv2.create_integration_response(
            **integration, IntegrationResponseKey="$default", ResponseTemplates={"$default": '{"type":"heartbeat"}'}
        )


def keep_failed_events(client, function, queue):
    """Sets a function's dead-letter queue: CloudFormation ignores the function's property DeadLetterConfig."""
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    client("lambda").update_function_configuration(
        FunctionName=function, DeadLetterConfig={"TargetArn": attributes["QueueArn"]}
    )
