"""Tags, as Datadog's world has them, and labels: `role:db` ⇄ `role="db"`.

A tag without a colon is the label with the value `true`; a key given several times has its values
joined by commas, in order, and both go out again as they came.
"""

from __future__ import annotations

from collections.abc import Iterable

BARE = "true"


def tags_to_labels(tags: Iterable[str]) -> dict[str, str]:
    """Labels from `key:value` tags."""
    found: dict[str, list[str]] = {}  # joined at the end: a key may come a million times
    for tag in tags:
        name, colon, value = tag.partition(":")
        if name:
            found.setdefault(name, []).append(value if colon else BARE)
    return {name: ",".join(values) for name, values in found.items()}


def labels_to_tags(labels: Iterable[tuple[str, str]]) -> list[str]:
    """Tags from labels, in the order given."""
    tags: list[str] = []
    for name, value in labels:
        tags += [name] if value == BARE else [f"{name}:{part}" for part in value.split(",")]
    return tags
