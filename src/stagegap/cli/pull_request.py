"""One comment on a pull request, written anew with every push."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagegap.errors import ConfigurationError

MARK = "<!-- stagegap: {key} -->"
"""First line of the comment, by which the next push knows it; GitHub does not show it."""
LONGEST = 65_536
"""Characters that GitHub takes."""
CUT = "\n\n(The rest does not fit into a comment; it stands in the summary of the job.)\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request behind GitHub's API."""

    api: str
    repository: str
    """Owner and name."""
    number: int
    token: str

    def write(self, mark: str, text: str) -> str:
        """Write the comment that begins with `mark`, or change it where there is one; say which.

        Raises: ConfigurationError where the API refuses or can't be reached.
        """
        body = f"{mark}\n{text}"
        if len(body) > LONGEST:
            body = body[: LONGEST - len(CUT)] + CUT
        earlier = next((known for known in self._comments() if str(known.get("body", "")).startswith(mark)), None)
        if earlier is None:
            self._asked("POST", f"issues/{self.number}/comments", {"body": body})
            return f"Wrote a comment on pull request {self.number}."
        self._asked("PATCH", f"issues/comments/{earlier['id']}", {"body": body})
        return f"Changed the comment on pull request {self.number}."

    def _comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while comments := self._asked("GET", f"issues/{self.number}/comments?per_page=100&page={page}", None):
            yield from comments
            page += 1

    def _asked(self, method: str, path: str, content: Mapping[str, str] | None) -> Any:  # what the API answers
        import httpx2

        address = f"{self.api}/repos/{self.repository}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/vnd.github+json"}
        try:
            answer = httpx2.request(method, address, headers=headers, json=content, timeout=30)
        except httpx2.HTTPError as error:
            raise ConfigurationError(f"{self.api} can't be reached: {type(error).__name__}: {error}.") from None
        if answer.status_code in (401, 403, 404):
            raise ConfigurationError(
                f"{self.api} refuses ({answer.status_code}): the token may not write on {self.repository}. The job "
                "needs `permissions: {pull-requests: write}`; pull requests from forks get a token that only reads."
            )
        if answer.status_code >= 300:
            raise ConfigurationError(f"{self.api} answered {answer.status_code} to {method} {path}.")
        return answer.json()


def pull_of(environment: Mapping[str, str], number: int | None) -> Pull:
    """The pull request that the environment of a GitHub job names. Raises: ConfigurationError."""
    missing = [name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY") if not environment.get(name)]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} must be set: a job of GitHub Actions has them.")
    number = number or _number(environment.get("GITHUB_EVENT_PATH", ""))
    if number is None:
        raise ConfigurationError("This job is of no pull request; `--number` names one.")
    return Pull(
        api=environment.get("GITHUB_API_URL", "https://api.github.com"),
        repository=environment["GITHUB_REPOSITORY"],
        number=number,
        token=environment["GITHUB_TOKEN"],
    )


def _number(event: str) -> int | None:
    """Number of the pull request that the file of the event names; None where it names none."""
    try:
        number = json.loads(Path(event).read_text(encoding="utf-8"))["pull_request"]["number"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) else None
