"""HTTP on Nautilus' own client: five to ten times cheaper per call than httpx or requests."""

from nautilus_trader.core.nautilus_pyo3 import HttpClient, HttpError, HttpMethod, HttpTimeoutError

from adapters.errors import Connectivity
from adapters.transport import HttpResponse

# Only headers named here come back from the client.
_HEADERS = [
    "content-type",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-window",
]
_METHODS = {method: getattr(HttpMethod, method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}


class NautilusHttp:
    """`HttpTransport` over a pooled keep-alive connection."""

    def __init__(self, timeout_secs: float = 10.0) -> None:
        self._timeout_secs = timeout_secs
        self._client = HttpClient(header_keys=_HEADERS)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        timeout_secs: float | None = None,
    ) -> HttpResponse:
        """See `HttpTransport.request`."""
        secs = self._timeout_secs if timeout_secs is None else timeout_secs
        try:
            answer = await self._client.request(
                _METHODS[method], url, headers=headers, body=body, timeout_secs=max(1, round(secs))
            )
        except (HttpError, HttpTimeoutError) as e:  # siblings, neither is the other's base
            raise Connectivity(f"{method} {url}: {e}") from e
        return HttpResponse(answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.body)
