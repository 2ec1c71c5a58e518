"""`python -m ork._schema FILE.py`: JSON Schemas of a file's task functions, as one JSON document.

{"file": …, "tasks": [{"name", "line", "doc", "input_schema", "output_schema", "ork_input_type", "ork_output_type"}], "errors": [{"line", "message"}]}

Tasks are the functions defined in the file itself that carry `@task`; if none does, all whose name has no leading underscore.
The exit code is 1 when there are errors.
"""

import json
import os
import sys
from typing import Any

if __name__ == "__main__" and not __package__:  # run by path
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != os.path.dirname(os.path.abspath(__file__))]
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ork import _call, _convert, _types
from ork._modules import Source, stamp_of
from ork._outcome import message_of


def describe_file(path: str) -> "dict[str, Any]":
    """The document of one file; what goes wrong is in its `errors`."""
    path = os.path.abspath(path)
    document: "dict[str, Any]" = {"file": path, "tasks": [], "errors": []}
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = Source(path, stamp_of(path)).load()
    except BaseException as error:  # importing user code may raise anything, SystemExit too
        document["errors"].append({"line": _line_of(error, path), "message": message_of(error)})
        return document
    for name, function in task_functions(module, path):
        line = _code_of(function).co_firstlineno
        try:
            document["tasks"].append({"name": name, "line": line, **describe(function)})
        except Exception as error:  # one odd function must not hide the others
            document["errors"].append({"line": line, "message": f"function `{name}`: {message_of(error)}"})
    return document


def task_functions(module: Any, path: str) -> "list[tuple[str, Any]]":
    """The task functions of a module, in the order of the file."""
    own: "list[tuple[int, str, Any]]" = []
    held: "dict[str, Any]" = module.__dict__
    for name, value in held.items():
        code = _code_of(value)
        if code is not None and os.path.abspath(code.co_filename) == path and not isinstance(value, type):
            own.append((code.co_firstlineno, name, value))
    own.sort(key=lambda entry: entry[0])
    marked = [(name, value) for _, name, value in own if hasattr(value, "__ork_task__")]
    return marked or [(name, value) for _, name, value in own if not name.startswith("_")]


def describe(function: Any) -> "dict[str, Any]":
    """Schemas of one function's inputs and result."""
    doc = (getattr(function, "__doc__", None) or "").strip()
    hints = _call.Hints(function).resolve_all()
    inputs, ork_inputs = _inputs(function, hints)
    output = _types.Describer()
    schema: "dict[str, Any]" = {}
    ork_output = "any"
    if "return" in hints:
        schema = _with_defs(output.schema(hints["return"]), output)
        ork_output = output.ork(hints["return"])
    return {
        "doc": doc,
        "input_schema": inputs,
        "output_schema": schema,
        "ork_input_type": ork_inputs,
        "ork_output_type": ork_output,
    }


def _inputs(function: Any, hints: "dict[str, Any]") -> "tuple[dict[str, Any], str]":
    describer = _types.Describer()
    parameters = _call.parameters_of(function)
    context = _call.context_parameter(parameters, {})
    named = [
        p for p in parameters if p[0] != context and p[1] not in (_call.VAR_POSITIONAL, _call.VAR_KEYWORD)
    ]
    open_ended = any(p[1] == _call.VAR_KEYWORD for p in parameters)
    if len(named) == 1 and len(parameters) - (context is not None) == 1:
        hint = hints.get(named[0][0])
        if hint is not None and _convert.takes_all(hint):
            schema = _with_defs(describer.schema(hint), describer)
            return {"$schema": _DIALECT, **schema}, describer.ork(hint)
    fields = {name: (hints.get(name, Any), required) for name, _, required, _ in named}
    schema = {
        "$schema": _DIALECT,
        "type": "object",
        "properties": {name: describer.schema(hint) for name, (hint, _) in fields.items()},
        "required": [name for name, (_, required) in fields.items() if required],
        "additionalProperties": open_ended,
    }
    spelled = {name: describer.ork_field(hint, required) for name, (hint, required) in fields.items()}
    return _with_defs(schema, describer), _types.ork_object(spelled)


_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _with_defs(schema: "dict[str, Any]", describer: "_types.Describer") -> "dict[str, Any]":
    return {**schema, "$defs": describer.defs} if describer.defs else schema


def _code_of(value: Any) -> Any:
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return getattr(value, "__code__", None)


def _line_of(error: BaseException, path: str) -> int:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno or 1
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def main(arguments: "list[str]") -> int:
    """Print the document of the one file named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ork._schema FILE.py\n")
        return 2
    # What the file prints while it is imported must not mix with the document.
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        document = describe_file(arguments[0])
    finally:
        sys.stdout = stdout
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
    return 1 if document["errors"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
