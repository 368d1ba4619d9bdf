"""What a scenario of `scripts/bench delivery` shows."""

import statistics

# The model's sampling interval in seconds.
STEP = 0.1
# The longest time over the quota's floor, by people.
FLOOR_BOUNDS = {100_000: 1.15, 1_000_000: 1.1}
# The longest time of a message alone, over the people divided by the pace.
ALONE_BOUND = 1.15
# The most memory of a worker, in MB.
MEMORY_BOUND = 40
# The longest time of a small room beside the large one, over its time alone.
SMALL_ROOM_BOUND = 1.3


class Result:
    def __init__(self, scenario, report, build):
        self.scenario, self.report, self.build = scenario, report, build
        self.frames = report["frames"]
        self.large = [each for each in report["messages"] if each["room"] == 0]

    # Times

    def reached(self, message):
        """Returns the seconds from a message to the first and the last first delivery; `None` if there is none."""
        frames = [self.frames[index] for index in message["frames"] if self.frames[index].get("lastReached") is not None]
        if not frames:
            return None
        sent = message["sent"]
        return (min(each["firstReached"] for each in frames) - sent) / 1000, (max(each["lastReached"] for each in frames) - sent) / 1000

    def floor(self):
        """Returns the least time in which the quota admits one post to each connection, from the first message on."""
        posts, sent = self.scenario.people, self.large[0]["sent"] / 1000
        admitted, time = self.scenario.burst, sent
        quotas = self.report["timeline"]["quota"]
        while admitted < posts:
            index = int(time / STEP)
            quota = quotas[index] if index < len(quotas) else self.scenario.quota
            step = min(STEP, (posts - admitted) / quota)
            admitted += quota * step
            time += step
        return time - sent

    def share_time(self, share):
        """Returns the seconds from the first message until this share of the readers of the first frame was reached."""
        wanted = self.report["rooms"][0]["readers"] * share
        frame = self.frames[self.large[0]["frames"][0]] if self.large[0]["frames"] else {"reachedPerBucket": []}
        total = 0
        for index, number in enumerate(frame["reachedPerBucket"]):
            total += number
            if total >= wanted:
                return (index + 1) * STEP - self.large[0]["sent"] / 1000
        return None

    def worker_megabytes(self):
        return self.report["peakKilobytes"].get("deliver", 0) / 1024

    def rate(self):
        """Returns the accepted requests a second while most of the work was done: the median of full seconds."""
        accepted = self.report["timeline"]["accepted"]
        seconds = [accepted[index + 10] - accepted[index] for index in range(0, len(accepted) - 10, 10)]
        most = max(seconds, default=0)
        return statistics.median([each for each in seconds if each > most / 2] or [0])

    # A busy room: one message alone, then many

    @property
    def busy(self):
        return self.large[1:]

    def alone_time(self):
        """Returns the seconds in which the message alone reached the last person; `None` if it reached no one."""
        times = self.reached(self.large[0])
        return times and times[1]

    def delays(self, part):
        """Returns the delays in seconds of a third of the many messages until the last person was reached."""
        size = max(1, len(self.busy) // 3)
        chosen = {"first": self.busy[:size], "last": self.busy[-size:]}[part]
        return [times[1] for each in chosen if (times := self.reached(each))]

    def round_time(self):
        """Returns the median time in seconds from a frame's first to its last delivery in the large room."""
        times = [each["lastReached"] - each["firstReached"] for each in self.rounds()]
        return statistics.median(times or [0]) / 1000

    def rounds(self):
        """Returns the frames that went to the large room. Others answer a sender alone."""
        return [each for each in self.frames if each["room"] == 0 and each["reached"] > 1]

    def small_times(self):
        """Returns the times of the small room's messages until the tenth person was reached: alone, and during the rest."""
        start, end = self.busy[0]["sent"], self.busy[-1]["sent"]
        small = [each for each in self.report["messages"] if each["room"] == 1]
        alone = [times[1] for each in small if each["sent"] < start - 1000 and (times := self.reached(each))]
        meanwhile = [times[1] for each in small if start + 2000 < each["sent"] < end and (times := self.reached(each))]
        # The first one starts the process.
        return alone[1:], meanwhile

    # Output

    def counts(self, name):
        return sum(each[name] for each in self.large)

    def row(self):
        """Returns the cells of the table by column."""
        report = self.report
        row = {
            "scenario": f"{self.scenario.name} ({self.build})",
            "people": f"{self.scenario.people:,}",
            "quota/s": f"{self.scenario.quota:,}",
            "pace/s": f"{self.scenario.pace:,}" if self.scenario.pace else "none",
        }
        row |= self.delivery_cells() if self.scenario.kind == "delivery" else self.busy_cells()
        row |= {
            "missed": f"{self.counts('missed'):,}",
            "twice": f"{self.counts('more'):,}",
            "of them repeated": f"{self.counts('repeated'):,}",
            "429": f"{report['posts']['throttled']:,}",
            "workers": report["lambda"]["peakConcurrency"],
            "worker MB": f"{self.worker_megabytes():.1f}",
            "dead letters": report["lambda"]["deadLetters"],
            "late ms": f"{report['lateness'] / report['factor']:.1f}",
        }
        return row

    def delivery_cells(self):
        times, floor = self.reached(self.large[0]), self.floor()
        nearly = self.share_time(0.99)
        return {
            "floor s": f"{floor:.1f}",
            "99 % s": f"{nearly:.1f}" if nearly else "",
            "all s": f"{times[1]:.1f}" if times else "",
            "over floor": f"{times[1] / floor:.2f}" if times and floor else "",
            "accepted/s": f"{self.rate():,.0f}",
        }

    def busy_cells(self):
        first, last = self.delays("first"), self.delays("last")
        alone, meanwhile = self.small_times()
        return {
            "alone s": f"{self.alone_time() or 0:.1f}",
            "messages": len(self.busy),
            "rounds": len(self.rounds()),
            "largest frame KB": f"{max((each['bytes'] for each in self.rounds()), default=0) / 1024:.0f}",
            "accepted/s": f"{self.rate():,.0f}",
            "round s": f"{self.round_time():.1f}",
            "delay s, first third": spread(first),
            "last third": spread(last),
            "small room ms, alone": spread(alone, 1000),
            "meanwhile": spread(meanwhile, 1000),
        }

    def print(self, file):
        for name, cell in self.row().items():
            print(f"  {name}: {cell}", file=file)
        for problem in list(dict.fromkeys(self.report["problems"]))[:5]:
            print(f"  problem: {problem}", file=file)

    def failures(self):
        """Yields a line for each thing that is not as documented."""
        name = self.scenario.name
        if not self.report["isComplete"]:
            yield f"{name}: the work did not end in {self.scenario.seconds} s"
        if missed := self.counts("missed"):
            yield f"{name}: {missed} deliveries are missing"
        if self.report["problems"]:
            yield f"{name}: {len(self.report['problems'])} requests failed, the first: {self.report['problems'][0]}"
        if self.worker_megabytes() >= MEMORY_BOUND:
            yield f"{name}: a worker took {self.worker_megabytes():.1f} MB; the bound is {MEMORY_BOUND} MB"
        if self.scenario.kind == "delivery":
            yield from self.delivery_failures()
        else:
            yield from self.busy_failures()

    def delivery_failures(self):
        bound = FLOOR_BOUNDS.get(self.scenario.people)
        times = self.reached(self.large[0])
        is_at_quota = self.scenario.pace == self.scenario.quota
        if bound and is_at_quota and (not times or times[1] > bound * self.floor()):
            ratio = f"{times[1] / self.floor():.2f}" if times else "unknown: no one was reached"
            yield f"{self.scenario.name}: the time over the quota's floor is {ratio}; the bound is {bound}"

    def busy_failures(self):
        name = self.scenario.name
        least = self.scenario.people / (self.scenario.pace or self.scenario.quota)
        alone = self.alone_time() or 0
        if not 0 < alone <= ALONE_BOUND * least:
            yield f"{name}: a message alone takes {alone:.1f} s; the bound is {ALONE_BOUND} times {least:.2f} s"
        first, last = self.delays("first"), self.delays("last")
        longest = max(first + last, default=0)
        if not last or longest > 2 * alone:
            yield f"{name}: the longest delay is {longest:.1f} s; the bound is two deliveries, {2 * alone:.1f} s"
        if first and last and statistics.median(last) > 1.2 * statistics.median(first):
            yield f"{name}: the delay grows from {statistics.median(first):.1f} s to {statistics.median(last):.1f} s"
        alone, meanwhile = self.small_times()
        if not alone or not meanwhile:
            yield f"{name}: the small room has no times"
        elif statistics.median(meanwhile) > SMALL_ROOM_BOUND * statistics.median(alone):
            ratio = statistics.median(meanwhile) / statistics.median(alone)
            yield f"{name}: the small room takes {ratio:.2f} times its time alone; the bound is {SMALL_ROOM_BOUND}"


def spread(values, scale=1):
    """Formats the median and the maximum."""
    return f"{statistics.median(values) * scale:.1f} (max {max(values) * scale:.1f})" if values else ""
