"""Pages of newest-first lists with opaque cursors."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simulators.paradex.errors import ApiError

DEFAULT_PAGE = 100


def page[Row](
    rows: Iterable[Row], query: Mapping[str, str], show: Callable[[Row], dict[str, Any]], *, most: int = 1_000
) -> dict[str, Any]:
    """Return one page of `rows` (oldest first) within start_at and end_at, newest first. Raise ApiError."""
    start, end = integer(query, "start_at"), integer(query, "end_at")
    shown = [show(row) for row in rows]
    shown = [row for row in shown if (start is None or row["created_at"] >= start) and (end is None or row["created_at"] <= end)]
    shown.reverse()
    skip, size = read_cursor(query, "skip") or 0, page_size(query, most)
    more = len(shown) > skip + size
    return envelope(shown[skip : skip + size], write_cursor("skip", skip + size) if more else None, skip)


def envelope(results: list[dict[str, Any]], following: str | None, skip: int = 0) -> dict[str, Any]:
    """Return the envelope of a page; `following` is the next page's cursor."""
    return {"next": following, "prev": write_cursor("skip", 0) if skip else None, "results": results}


def page_size(query: Mapping[str, str], most: int) -> int:
    """Return the wanted page size. Raise ApiError when out of range."""
    size = integer(query, "page_size")
    size = DEFAULT_PAGE if size is None else size
    if not 1 <= size <= most:
        raise ApiError("INVALID_REQUEST_PARAMETER", f"page_size must be 1 to {most}")
    return size


def integer(query: Mapping[str, str], name: str) -> int | None:
    """Return an integer query parameter, None when absent. Raise ApiError."""
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ApiError("INVALID_REQUEST_PARAMETER", f"{name} must be an integer") from error


def write_cursor(kind: str, value: int) -> str:
    """Return an opaque cursor."""
    return base64.b64encode(json.dumps({kind: value}).encode()).decode()


def read_cursor(query: Mapping[str, str], kind: str) -> int | None:
    """Return what a cursor holds, None without one. Raise ApiError when it is none of ours."""
    cursor = query.get("cursor")
    if not cursor:
        return None
    try:
        return int(json.loads(base64.b64decode(cursor, validate=True))[kind])
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError("INVALID_REQUEST_PARAMETER", "invalid cursor") from error
