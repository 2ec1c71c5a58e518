"""A workflow file as plain data, read as the engine reads it: YAML 1.2, where `on` and `no` are text and dates are too."""

import json
import os
import re
from typing import Any, Dict, List, Optional, Tuple

from ._flow_errors import Unsupported, WorkflowError
from ._plain import is_object

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DEEPEST = 64


def read_file(path: str) -> Any:
    """The data of a YAML or JSON file."""
    if path.endswith(".workflow"):
        raise Unsupported(f"{path}: ork.testing does not read `.workflow` files; run them with `ork execute`")
    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    try:
        return json.loads(text, object_pairs_hook=_object) if path.endswith(".json") else read_yaml(text)
    except WorkflowError as error:
        raise type(error)(f"{path}: {error}") from None
    except ValueError as error:
        raise WorkflowError(f"{path}: {error}") from None


def project_of(path: str) -> "Optional[str]":
    """The `ork.yaml` beside a workflow file, or the nearest one above."""
    folder = os.path.dirname(os.path.abspath(path))
    while True:
        candidate = os.path.join(folder, "ork.yaml")
        if os.path.isfile(candidate):
            return candidate
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def read_yaml(text: str) -> Any:
    """The data of YAML text, by PyYAML or ruamel.yaml, whichever there is."""
    root, problem = _compose(text)
    if problem:
        raise WorkflowError(f"not YAML: {problem}")
    return None if root is None else _data(root, 0)


def _compose(text: str) -> "Tuple[Any, str]":
    # Only the tree of nodes is asked for: both libraries resolve plain values as YAML 1.1 has them.
    yaml: Any = _library("yaml")
    if yaml is not None:
        try:
            return yaml.compose(text, Loader=_loader(yaml)), ""
        except yaml.YAMLError as error:
            return None, str(error)
    ruamel: Any = _library("ruamel.yaml")
    if ruamel is not None:
        try:
            return ruamel.YAML(typ="safe", pure=True).compose(text), ""
        except ruamel.error.YAMLError as error:
            return None, str(error)
    raise WorkflowError(
        "to read YAML, ork.testing needs PyYAML or ruamel.yaml, and neither is installed: pip install pyyaml;"
        " or give the workflow as a dict or as a .json file"
    )


def _loader(yaml: Any) -> Any:
    """PyYAML's loader, which ends a plain value at `?` inside of `{}` and `[]` (`{note: str?}`), where YAML 1.2 does not."""

    def peek(self: Any, index: int = 0) -> str:
        found: str = yaml.SafeLoader.peek(self, index)
        return "x" if found == "?" and self.in_plain else found

    def scan_plain(self: Any) -> Any:
        self.in_plain = True
        try:
            return yaml.SafeLoader.scan_plain(self)
        finally:
            self.in_plain = False

    return type("Loader", (yaml.SafeLoader,), {"in_plain": False, "peek": peek, "scan_plain": scan_plain})


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _data(node: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise WorkflowError("it is nested too deeply, or contains itself")
    if node.id == "scalar":
        return _scalar(node.value) if node.style is None else node.value
    if node.id == "sequence":
        return [_data(part, depth + 1) for part in node.value]
    found: Dict[str, Any] = {}
    merged: List[Any] = []
    for key, value in node.value:
        name = key.value
        if key.id != "scalar":
            raise WorkflowError(f"line {key.start_mark.line + 1}: a key is no text")
        if name == "<<" and key.style is None:
            sources = value.value if value.id == "sequence" else [value]
            merged.extend(_data(source, depth + 1) for source in sources)
            continue
        if name in found:
            raise WorkflowError(f"line {key.start_mark.line + 1}: the key `{name}` is there twice")
        found[name] = _data(value, depth + 1)
    for source in merged:
        if not is_object(source):
            raise WorkflowError(f"line {node.start_mark.line + 1}: `<<` takes a map or a list of maps")
        for name, value in source.items():
            found.setdefault(name, value)
    return found


def _scalar(text: str) -> Any:
    """A plain value by the YAML 1.2 core schema."""
    if text in _NULL:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text.lower().lstrip("+-") in (".inf", ".nan"):
        raise WorkflowError(f"`{text}` is a number that JSON cannot hold")
    for prefix, base in (("0x", 16), ("0o", 8)):
        if text.startswith(prefix):
            try:
                return int(text[2:], base)
            except ValueError:
                return text
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _object(pairs: "List[Tuple[str, Any]]") -> "Dict[str, Any]":
    found: Dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise WorkflowError(f"the key `{name}` is there twice")
        found[name] = value
    return found
