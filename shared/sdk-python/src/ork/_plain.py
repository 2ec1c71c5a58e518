"""What JSON values are, said so that type checkers follow."""

from typing import TYPE_CHECKING, Any, Dict, List, Mapping

if TYPE_CHECKING:
    from typing_extensions import TypeGuard


def is_list(value: object) -> "TypeGuard[List[Any]]":
    """Whether it is a list."""
    return isinstance(value, list)


def is_object(value: object) -> "TypeGuard[Dict[str, Any]]":
    """Whether it is a dict."""
    return isinstance(value, dict)


def is_mapping(value: object) -> "TypeGuard[Mapping[str, Any]]":
    """Whether it is a dict or something like it."""
    return isinstance(value, Mapping)
