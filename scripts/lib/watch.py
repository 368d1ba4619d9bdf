"""Finds changed files."""


class Watch:
    """Detects changed files below some paths by polling."""

    def __init__(self, *paths):
        self.paths = paths
        self.seen = self.state()

    def changed(self):
        """Returns whether any file has changed since the last call."""
        state = self.state()
        self.seen, before = state, self.seen
        return state != before

    def state(self):
        """Returns times and sizes by path, without hidden and backup files, which editors create."""
        files = [file for path in self.paths for file in ([path] if path.is_file() else path.rglob("*"))]
        state = {}
        for file in files:
            if file.name.startswith(".") or file.name.endswith("~"):
                continue
            try:
                status = file.stat()
            except OSError:
                continue  # removed since the listing
            state[file] = (status.st_mtime_ns, status.st_size)
        return state
