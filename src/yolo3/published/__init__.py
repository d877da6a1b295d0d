"""Published weights by name: what is known of each file, fetched once, checked, and opened as a detector."""

from yolo3.published.fetching import FetchError, cached_path, fetch
from yolo3.published.opening import open_published, published_network
from yolo3.published.table import PUBLISHED, Published, find_published, require_published

__all__ = [
    "PUBLISHED",
    "FetchError",
    "Published",
    "cached_path",
    "fetch",
    "find_published",
    "open_published",
    "published_network",
    "require_published",
]
