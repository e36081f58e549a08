"""The command line ``qhpc``. Light: every command imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import typer

from .commands import (
    calibrate,
    compare,
    describe,
    devices,
    doctor,
    export,
    gate,
    init,
    listing,
    migrate,
    new_app,
    paper,
    peers,
    plan,
    recommend,
    report,
    run,
    shards,
    site,
    status,
    submit,
    trace,
)
from .errors import EXIT_CODES, Exit, UserError, one_line

_UsageError: Final[type[Exception]] = typer.BadParameter.__mro__[1]
"""What typer raises for wrong usage: click's class, of which newer versions of typer ship their own copy."""

app = typer.Typer(
    name="qhpc",
    help="Run benchmark campaigns of quantum-HPC mini-apps: plan, run, resume, report, compare.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"qhpc {version('qhpc-miniapps')}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print a traceback with an error.")] = False,
) -> None:
    """Run benchmark campaigns of quantum-HPC mini-apps: plan, run, resume, report, compare."""


_COMMANDS: Final[dict[str, Callable[..., int]]] = {
    "init": init.init,
    "new-app": new_app.new_app,
    "list": listing.listing,
    "describe": describe.describe,
    "plan": plan.plan,
    "run": run.run,
    "submit": submit.submit,
    "status": status.status,
    "resume": submit.resume,
    "cancel": shards.cancel,
    "collect": shards.collect,
    "logs": shards.logs,
    "report": report.report,
    "paper": paper.paper,
    "site": site.site,
    "trace": trace.trace,
    "compare": compare.compare,
    "gate": gate.gate,
    "export": export.export,
    "migrate": migrate.migrate,
    "calibrate": calibrate.calibrate,
    "recommend": recommend.recommend,
    "peers": peers.peers,
    "doctor": doctor.doctor,
}
app.add_typer(devices.app, name="devices")
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.command("shard", hidden=True)(shards.shard)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``qhpc``; an error is one line on stderr, a traceback only with ``--debug``.

    Raises
    ------
    SystemExit
        Always, with one of the codes of `harness.errors.Exit`, or 128 + signal.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(words, standalone_mode=False, prog_name="qhpc")
    except UserError as error:
        _explain(error, int(error.code), words)
    except _UsageError as error:
        _explain(_message(error), int(Exit.USAGE), words)
    except (KeyboardInterrupt, typer.Abort) as error:
        _explain(error, 130, words, text="interrupted")
    except BrokenPipeError:  # the reader of a pipe has gone, as with `qhpc list | head`
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the outermost place: a bug must not print pages
        _explain(error, int(Exit.INTERNAL), words, text=f"{type(error).__name__}: {error} (a bug; --debug shows where)")
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _message(error: Exception) -> str:
    context, text = getattr(error, "ctx", None), getattr(error, "format_message", error.__str__)()
    return f"{text} (try: {context.command_path} --help)" if context is not None else text


def _explain(error: object, code: int, words: Sequence[str], *, text: str = "") -> None:
    if "--debug" in words and isinstance(error, BaseException):
        import traceback

        traceback.print_exception(error)
    sys.stderr.write(f"error: {one_line(text or error)}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
