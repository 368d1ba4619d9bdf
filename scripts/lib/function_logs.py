"""Logs of the functions in the local AWS."""

import os
import sys

# Lines that the platform writes before and after each invocation.
PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId")


class Logs:
    """Writes new log lines of the functions, and warnings of the local AWS, to standard error."""

    def __init__(self, client, aws_log):
        self.client = client("logs")
        self.sizes = {}
        self.since = {}
        self.shown = set()
        self.aws_log = aws_log.open(errors="replace")
        self.aws_log.seek(0, os.SEEK_END)

    def show_new(self):
        try:
            self.show_new_of_functions()
        except self.client.exceptions.ClientError as error:
            # ministack answers 500 if another request changes its groups meanwhile. Its log, shown below, has the error, and
            # the next call shows the lines.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
        # If a function does not start, only ministack's log says why.
        for line in self.aws_log:
            if " WARNING " in line or " ERROR " in line:
                print(f"aws: {line.rstrip()}", file=sys.stderr)
        sys.stderr.flush()

    def show_new_of_functions(self):
        for group in self.client.describe_log_groups()["logGroups"]:
            name, size = group["logGroupName"], group["storedBytes"]
            # A request for each function each second would take five times the CPU time of an idle stack.
            if self.sizes.get(name) != size:
                self.show_new_of(name)
                self.sizes[name] = size

    def show_new_of(self, group):
        # ministack writes one stream for each invocation, complete at once.
        events = self.client.filter_log_events(logGroupName=group, startTime=self.since.get(group, 0))["events"]
        for event in events:
            if event["logStreamName"] not in self.shown and not event["message"].startswith(PLATFORM_LINES):
                print(f"{group.rpartition('-')[2]}: {event['message']}", file=sys.stderr)
            self.since[group] = event["timestamp"]
        self.shown.update(event["logStreamName"] for event in events)
