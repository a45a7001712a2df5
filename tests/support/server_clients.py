"""A client of the embedded server that makes single requests, each of which may take long."""

from __future__ import annotations

import ssl

import httpx

from tests.support.commands import TIME_LIMIT

# As in the API: whatever is in none of them goes on.
UNFINISHED = {"pending", "on-deck", "running", "cleanup"}


class ServerClient:
    """
    A client, whose requests may come from several threads.

    Attributes:
        server: The server.
    """

    def __init__(self, server):
        self.server = server
        context = ssl.create_default_context(cafile=server.ca_file)
        self._client = httpx.Client(verify=context, timeout=10 * TIME_LIMIT, trust_env=False)

    def get(self, path, **query):
        """Make a GET request; the path is relative to the root of the API, or a URL."""
        url = path if path.startswith("https:") else f"{self.server.url}/{path}"
        return self._client.get(url, params={name.replace("_", "-"): value for name, value in query.items()} or None)

    def post(self, kind, **spec):
        """Post a task, named by its test."""
        return self.post_task({"test": {"type": kind, "spec": spec}, "schedule": {}})

    def post_task(self, task):
        """Post a task."""
        return self._client.post(f"{self.server.url}/tasks", json=task)

    def cancel(self, url):
        """Cancel a task."""
        return self._client.delete(url)

    def run(self, kind, **spec):
        """Post a task that is accepted, and return its run when it has ended."""
        posted = self.post(kind, **spec)
        assert posted.status_code == 200, posted.text
        run = self.get(f"{posted.json()}/runs/first").json()
        while run["state"] in UNFINISHED:
            run = self.get(run["href"], wait_merged="true", wait=TIME_LIMIT).json()
        return run

    def close(self):
        """Close the connections."""
        self._client.close()
