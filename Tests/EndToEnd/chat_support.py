"""Rows of the chat's tables."""

import hashlib
import uuid
from datetime import datetime, timedelta, timezone


def unique(prefix="test"):
    """Returns a name that no other test uses."""
    return f"{prefix}-{uuid.uuid4()}"


def row_of(stack, name):
    """Returns the row of the connection of that name."""
    [row] = [row for row in stack.rows().values() if row.get("name") == {"S": name}]
    return row


def old_row(connection, room, user):
    """Returns the row of a connection that entered an hour ago, and that is not open."""
    opened = datetime.now(timezone.utc) - timedelta(hours=1)
    return {
        "connectionId": {"S": connection},
        "timestamp": {"S": opened.strftime("%FT%T.000Z")},
        "expiresAt": {"N": str(int(opened.timestamp()) + 7800)},
        "room": {"S": room},
        "roomKey": {"S": hashlib.sha256(connection.encode()).hexdigest()[:4] + connection},
        "userId": {"S": user},
        "name": {"S": "Ghost"},
        "enteredAt": {"N": str(int(opened.timestamp() * 1000))},
    }


def put_expired_rows(stack, room, count):
    """Adds expired rows to a room, which make it a large one: they are counted and cost no posts."""
    dynamodb = stack.client("dynamodb")
    rows = [{**old_row(unique("x"), room, "X" * 22), "expiresAt": {"N": "1"}} for _ in range(count)]
    for start in range(0, count, 25):
        requests = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        assert not dynamodb.batch_write_item(RequestItems={stack.table_name: requests})["UnprocessedItems"]
    return [row["connectionId"] for row in rows]


def delete_rows(stack, connections):
    dynamodb = stack.client("dynamodb")
    for start in range(0, len(connections), 25):
        requests = [{"DeleteRequest": {"Key": {"connectionId": each}}} for each in connections[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={stack.table_name: requests})


def put_row(stack, row):
    stack.client("dynamodb").put_item(TableName=stack.table_name, Item=row)


def delete_row(stack, connection):
    stack.client("dynamodb").delete_item(TableName=stack.table_name, Key={"connectionId": {"S": connection}})
