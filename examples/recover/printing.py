"""A newspaper. Every task leaves a line in build/executions.log, so that one can count what really ran."""

from pathlib import Path

from ork import Context, RecoverableError

BUILD = Path("build")


def note(ctx):
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "executions.log", "a", encoding="utf-8") as log:
        log.write(f"{ctx.task_name}\n")


def collect(ctx: Context):
    note(ctx)
    return ["weather", "harvest", "chess"]


def layout(ctx: Context, articles):
    note(ctx)
    return [f"page {number}: {title}" for number, title in enumerate(articles, start=1)]


def print_pages(ctx: Context, pages):
    note(ctx)
    if (BUILD / "out-of-paper").exists():
        raise RecoverableError("the printer is out of paper: remove build/out-of-paper, then recover the run")
    return {"pages": len(pages), "copies": 120}


def deliver(ctx: Context, copies):
    note(ctx)
    print(f"{copies} copies delivered")
    return copies
