"""Draws the results of `scripts/bench delivery` as SVG: people reached, and requests a second, over time."""

from delivery_results import STEP

WIDTH, HEIGHT, MARGIN, GAP = 420, 170, 50, 60
COLORS = {"reached": "#1f6feb", "accepted": "#1a7f37", "throttled": "#cf222e", "quota": "#57606a"}


def draw(results):
    """Returns the SVG's text: one row for each result, with two charts."""
    row_height = HEIGHT + GAP + 20
    width, height = 2 * (WIDTH + MARGIN) + GAP, row_height * len(results) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for index, result in enumerate(results):
        top = 40 + index * row_height
        parts += row(result, top)
    return "\n".join([*parts, "</svg>\n"])


def row(result, top):
    start = result.large[0]["sent"] / 1000
    end = last_delivery(result) + 1
    seconds = max(1, end - start)
    title = f"{result.scenario.name}: {result.scenario.people:,} people, {result.scenario.quota:,} requests a second"
    yield f'<text x="{MARGIN}" y="{top - 12}" font-weight="bold">{title}</text>'
    reached = Chart(MARGIN, top, seconds, 100, "share of people reached, %")
    yield from reached.frame()
    for frame in result.rounds():
        yield reached.line(shares(frame, result.report["rooms"][0]["readers"], start), COLORS["reached"])
    if result.scenario.kind == "delivery":
        floor = result.floor()
        yield reached.line([(floor, 0), (floor, 100)], COLORS["quota"], dashed=True)
        yield reached.label(floor, 8, "quota's floor")
    timeline = result.report["timeline"]
    most = max(timeline["quota"]) * 1.2
    used = Chart(2 * MARGIN + WIDTH + 10, top, seconds, most, "requests a second: accepted, refused (429), quota")
    yield from used.frame()
    for name in ("accepted", "throttled"):
        yield used.line(rates(timeline[name], start, most), COLORS[name])
    quota = [(index * STEP - start, value) for index, value in enumerate(timeline["quota"]) if index * STEP >= start]
    yield used.line(quota, COLORS["quota"], dashed=True)


def last_delivery(result):
    times = [each["lastReached"] for each in result.frames if each["room"] == 0 and each.get("lastReached") is not None]
    return max(times, default=result.report["seconds"] * 1000) / 1000


def shares(frame, readers, start):
    """Yields time and share of the readers of a frame."""
    total = 0
    for index, number in enumerate(frame["reachedPerBucket"]):
        total += number
        if total:
            yield (index + 1) * STEP - start, 100 * total / readers


def rates(counts, start, most):
    """Yields time and rate over half a second."""
    for index in range(5, len(counts)):
        if (time := index * STEP - start) >= 0:
            yield time, min(most, (counts[index] - counts[index - 5]) / 0.5)


class Chart:
    """The axes of one chart; x is in seconds."""

    def __init__(self, left, top, seconds, most, title):
        self.left, self.top, self.seconds, self.most, self.title = left, top, seconds, most, title

    def point(self, x, y):
        return self.left + WIDTH * x / self.seconds, self.top + HEIGHT * (1 - y / self.most)

    def frame(self):
        yield f'<rect x="{self.left}" y="{self.top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#d0d7de"/>'
        yield f'<text x="{self.left}" y="{self.top + HEIGHT + 32}">{self.title}</text>'
        for part in range(5):
            x, y = self.point(self.seconds * part / 4, self.most * part / 4)
            yield f'<text x="{x:.0f}" y="{self.top + HEIGHT + 15}" text-anchor="middle">{self.seconds * part / 4:.1f} s</text>'
            yield f'<text x="{self.left - 5}" y="{y + 4:.0f}" text-anchor="end">{self.most * part / 4:,.0f}</text>'

    def line(self, values, color, dashed=False):
        points = [self.point(x, y) for x, y in values if 0 <= x <= self.seconds]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        style = ' stroke-dasharray="4 3"' if dashed else ""
        return f'<polyline points="{text}" fill="none" stroke="{color}" stroke-width="1.5"{style}/>'

    def label(self, x, y, text):
        left, top = self.point(x, y)
        return f'<text x="{left + 4:.0f}" y="{top:.0f}" fill="{COLORS["quota"]}">{text}</text>'
