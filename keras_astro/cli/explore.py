"""kastro explore."""

import signal
import threading
import webbrowser

import click

from keras_astro.cli.options import data_option, json_option, seed_option, set_option
from keras_astro.cli.output import answer, load_tensorflow, story

PORT = 8765


@click.command()
@click.argument("targets", nargs=-1, metavar="[RUN|ARTEFACT|TASK]...")
@data_option
@set_option
@seed_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port; 0 for any free one.",
)
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
@json_option
def explore(targets, paths, overrides, seed, host, port, show, as_json):
    """Serve an interactive page: sliders over the simulators, and a model's view.

    Every case has its simulator; a RUN or ARTEFACT brings its model, whose worst test
    rows can be browsed. The page needs no network and is for this machine alone. It
    runs until Ctrl-C or SIGTERM.

    Example: kastro explore runs/lensing-tune-1
    """
    from keras_astro.errors import UsageError
    from keras_astro.explore.explorer import CASES, Explorer, open_target
    from keras_astro.explore.server import ExploreServer

    if len(targets) != 1 and (paths or overrides):
        raise UsageError(
            "--data and --set need exactly one run, artefact or task, found "
            f"{len(targets)}",
            hint="Name the one that they are for: kastro explore RUN --data PATH",
        )
    if any(
        target not in CASES and not target.endswith(".tflite") for target in targets
    ):
        load_tensorflow()
    opened = [
        open_target(target, story=story, paths=paths, overrides=overrides)
        for target in targets
    ]
    tasks = [one.task for one in opened]
    doubled = sorted({task for task in tasks if tasks.count(task) > 1})
    if doubled:
        raise UsageError(
            f"expected one model a case, found several of {', '.join(doubled)}",
            hint="Leave one out, or serve it on a page of its own with --port 0.",
        )
    server = ExploreServer(Explorer(opened, seed=seed or 0), host=host, port=port)
    if not server.loopback:
        story(f"anyone who can reach {host} can use this page")
    _until_stopped(server, show, as_json)


def _until_stopped(server, show: bool, as_json: bool) -> None:
    def stop(*_):
        # `shutdown` waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    before = {
        name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        answer({"url": server.url}, server.url, as_json=as_json)
        story("explore it in a browser; Ctrl-C ends it")
        if show:
            webbrowser.open(server.url)
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        for name, handler in before.items():
            signal.signal(name, handler)
