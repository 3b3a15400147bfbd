"""What a server says no with: one code for both of its doors."""

from __future__ import annotations

# gRPC's codes and what TF Serving answers over HTTP for each.
HTTP = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 503,
    "UNAVAILABLE": 503,
    "INTERNAL": 500,
}


class Refusal(Exception):
    """A request that gets no answer but a reason.

    Args:
        code: One of `HTTP`.
        message: The reason, for the client.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code

    @property
    def http_status(self) -> int:
        """The code as a status of HTTP."""
        return HTTP[self.code]


def invalid(message: str) -> Refusal:
    """The client's mistake."""
    return Refusal("INVALID_ARGUMENT", message)
