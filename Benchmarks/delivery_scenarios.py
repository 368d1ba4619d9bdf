"""The scenarios of `scripts/bench delivery`, with the settings of infra/template.yaml."""

from dataclasses import dataclass, field, replace

import yaml

from bench_broadcast import CREDENTIALS
from stack import TEMPLATE

# The posts' response time: its median in milliseconds, and the sigma of its logarithm (99th percentile: 48 ms).
LATENCY, LATENCY_SPREAD = 15, 0.5
TABLE_LATENCY = 5
COLD_START = 150
DISPATCH = 20
# Lambda's waits before the retries of an asynchronous event, in seconds.
RETRY_DELAYS = [60, 120]


@dataclass
class Scenario:
    """A scenario in AWS's time. The first room is the large one."""

    name: str
    kind: str
    people: int
    # Requests a second, and the burst.
    quota: int = 10_000
    burst: int = 5_000
    posts_per_second: int | None = None
    slow: float = 0
    gone: float = 0
    resets: float = 0
    quota_changes: list = field(default_factory=list)
    kills: list = field(default_factory=list)
    sendings: list = field(default_factory=lambda: [{"room": 0, "start": 2, "interval": 1, "count": 1}])
    small_room: bool = False
    seconds: int = 600

    def configuration(self, executable, folder, factor):
        """Returns the model's configuration."""
        settings = Settings()
        if self.posts_per_second:
            settings.variables["POSTS_PER_SECOND"] = str(self.posts_per_second)
        if "POSTS_PER_SECOND" in settings.variables:
            settings.variables["POSTS_PER_SECOND"] = str(round(int(settings.variables["POSTS_PER_SECOND"]) / factor))
        rooms = [{"name": "large", "people": self.people, "slow": self.slow, "gone": self.gone}]
        if self.small_room:
            rooms.append({"name": "small", "people": 10, "slow": 0, "gone": 0})
        return {
            "executable": str(executable),
            "logs": str(folder),
            "environment": {**CREDENTIALS, **settings.variables},
            "factor": factor,
            "quota": self.quota,
            "burst": self.burst,
            "latency": LATENCY,
            "latencySpread": LATENCY_SPREAD,
            "resets": self.resets,
            "tableLatency": TABLE_LATENCY,
            "coldStart": COLD_START,
            "dispatch": DISPATCH,
            "concurrency": 1000,
            "concurrencyStep": 1000,
            "retryDelays": RETRY_DELAYS,
            "sendFunction": "send",
            "deliverFunction": "deliver",
            "functions": settings.functions,
            "rooms": rooms,
            "sendings": self.sendings,
            "quotaChanges": self.quota_changes,
            "kills": self.kills,
            "seconds": self.seconds,
        }

    @property
    def pace(self):
        """The rate of posts in the settings; `None` if the template has none."""
        return self.posts_per_second or int(Settings().variables.get("POSTS_PER_SECOND", 0)) or None


class Tag:
    """A value with one of CloudFormation's tags, such as !Ref."""

    def __init__(self, name, value):
        self.name, self.value = name, value


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags."""


def construct(loader, suffix, node):
    construct_node = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return Tag(suffix, construct_node.get(type(node), loader.construct_mapping)(node))


Loader.add_multi_constructor("!", construct)


class Settings:
    """The functions of the template and their environment variables, as the parameters' defaults set them."""

    # The values of resources.
    RESOURCES = {
        "ConnectionsTable": "Connections",
        "MessagesTable": "Messages",
        "WebSocketApi": "a",
        "StageName": "prod",
        "DeliverFunction": "deliver",
    }

    def __init__(self):
        # A subclass of SafeLoader: nothing in the file is executed.
        template = yaml.load(TEMPLATE.read_text(), Loader)  # noqa: S506
        self.parameters = {name: each.get("Default") for name, each in template["Parameters"].items()}
        common = template["Globals"]["Function"]
        variables = dict(common["Environment"]["Variables"])
        self.functions = []
        for resource in template["Resources"].values():
            if resource["Type"] != "AWS::Serverless::Function":
                continue
            properties = resource["Properties"]
            handler = properties["Handler"]
            timeout = self.value(properties.get("Timeout", common["Timeout"]))
            self.functions.append({"name": handler, "handler": handler, "timeout": float(timeout)})
            if handler in ("send", "deliver"):
                variables |= properties.get("Environment", {}).get("Variables", {})
        # The model sets the endpoints; empty variables count as unset.
        found = {name: self.value(value) for name, value in variables.items() if not name.startswith("AWS_")}
        self.variables = {name: value for name, value in found.items() if value}

    def value(self, value):
        """Returns a property's value as text; empty if it depends on more than parameters and known resources."""
        if not isinstance(value, Tag):
            return str(value)
        if value.name == "If":
            return self.value(value.value[-1])
        name = value.value if isinstance(value.value, str) else ""
        # Function names: !Ref, or !Sub with the stack's name.
        if value.name == "Sub":
            return "deliver" if name.endswith("-deliver") else ""
        return str(self.RESOURCES.get(name, self.parameters.get(name, "")))


LARGE = {"kind": "delivery", "seconds": 400}
SCENARIOS = [
    Scenario("100k", people=100_000, **LARGE),
    Scenario("100k-quota", people=100_000, posts_per_second=10_000, **LARGE),
    Scenario("100k-2500", people=100_000, quota=2_500, burst=1_250, posts_per_second=2_500, **LARGE),
    Scenario("1m-quota", people=1_000_000, posts_per_second=10_000, **LARGE),
    Scenario(
        "disturbed", people=100_000, resets=0.02, slow=0.01, gone=0.005, kills=[0.4, 0.7],
        quota_changes=[{"share": 0.15, "quota": 5_000, "seconds": 5}], **LARGE,
    ),
    Scenario(
        "disturbed-2500", people=20_000, quota=2_500, burst=1_250, posts_per_second=2_000, resets=0.02, slow=0.01,
        gone=0.005, kills=[0.6], quota_changes=[{"share": 0.15, "quota": 1_250, "seconds": 4}], **LARGE,
    ),
    Scenario(
        "busy", kind="busy room", people=50_000, small_room=True, seconds=200,
        # The large room is alone for 10 s, then the small one for 20 s.
        sendings=[
            {"room": 0, "start": 2, "interval": 1, "count": 1},
            {"room": 1, "start": 12, "interval": 0.5, "count": 160},
            {"room": 0, "start": 32, "interval": 0.05, "count": 1200},
        ],
    ),
]  # fmt: skip
NAMES = [scenario.name for scenario in SCENARIOS]


def scenarios(names, people=None):
    """Returns the named scenarios, with this number of people if given."""
    chosen = [scenario for scenario in SCENARIOS if scenario.name in names]
    return [replace(scenario, people=people) if people else scenario for scenario in chosen]
