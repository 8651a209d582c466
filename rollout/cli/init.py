"""`rollout init`: a first settings file, private to its owner, and a first question with the credentials it names."""

import shlex
import sys
from pathlib import Path
from typing import Final

import click

from rollout.errors import UsageError

PRIVATE: Final = 0o600
_FILE = click.Path(dir_okay=False)


@click.command()
@click.option("--subscription", metavar="ID", help="The subscription whose services are rolled out to.")
@click.option("--endpoint", metavar="NAME|URL", help="public, china, usgov, germany, or an address.  [default: public]")
@click.option("--ca", type=_FILE, metavar="FILE", help="Authorities to trust instead of the machine's, in PEM.")
@click.option("--pem", type=_FILE, metavar="FILE", help="The management certificate with its key, in PEM.")
@click.option("--pfx", type=_FILE, metavar="FILE", help="The same as a PFX file; needs the extra `pfx`.")
@click.option("--passphrase-file", type=_FILE, metavar="FILE", help="A file with the passphrase of the key.")
@click.option("--passphrase-env", metavar="NAME", help="A variable with it.")
@click.option("--passphrase-credential", metavar="NAME", help="A systemd credential with it.")
@click.option("--token-file", type=_FILE, metavar="FILE", help="A file with a bearer token that is kept fresh.")
@click.option("--token-command", metavar="WORDS", help='A command that prints one, such as "az account …".')
@click.option("--state", type=click.Path(file_okay=False), metavar="DIR", help="The state directory.")
@click.option("--file", "file", type=_FILE, default="rollout.toml", show_default=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--offline", is_flag=True, help="Do not test the credentials.")
def init(
    *,
    subscription: str | None,
    endpoint: str | None,
    file: str,
    force: bool,
    offline: bool,
    **given: str | None,
) -> None:
    """Write a first rollout.toml, and test the credentials it names.

    On a terminal it asks for what no option says. The file holds no secret: a
    passphrase stays in a file, a variable or a systemd credential.
    """
    from rollout.cli.init_file import Answers, settings_text
    from rollout.settings.model import PUBLIC

    path = Path(file)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already; give --force to write over it, or --file for another one")
    answers = Answers(
        subscription=subscription or _asked("--subscription", "Subscription id"),
        endpoint=endpoint or PUBLIC,
        **{name: value for name, value in given.items() if value is not None},
    )
    if answers.needs_credentials and not answers.has_credentials:
        answers = answers.with_pem(
            _asked("--pem, --pfx, --token-file or --token-command", "Certificate with key (PEM)")
        )
    _write(path, settings_text(answers), force=force)
    click.echo(f"wrote {path}", err=True)
    if not offline:
        _test(path, answers.subscription)
    click.echo(f"next: rollout doctor {_config(path)}".rstrip(), err=True)


def _asked(option: str, question: str) -> str:
    """Ask a person; who is not there is told which option to give."""
    if not sys.stdin.isatty():
        raise UsageError(f"give {option}: there is no terminal to ask at")
    answer: str = click.prompt(question, err=True)
    return answer


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file once it is known to be good."""
    import tempfile

    from rollout.cli.files import write_new
    from rollout.errors import PolicyError
    from rollout.settings.load import load_settings

    with tempfile.TemporaryDirectory(prefix="rollout-init-") as folder:
        draft = Path(folder) / path.name
        write_new(draft, text, force=False, mode=PRIVATE)
        try:
            load_settings(str(draft), environ={})
        except PolicyError as error:
            said = "\n  ".join(f"{problem.path}: {problem.message}" for problem in error.problems)
            raise UsageError(f"nothing was written, because these answers do not make settings:\n  {said}") from None
    write_new(path, text, force=force, mode=PRIVATE)


def _test(path: Path, subscription: str) -> None:
    """Ask one question with the new settings; the file stays, whatever comes of it."""
    from rollout.cli.loop import run_loop
    from rollout.platforms.classic.preflight import knock
    from rollout.settings.choose import run_settings
    from rollout.settings.load import load_settings

    settings = run_settings(load_settings(str(path)), subscription)
    click.echo(f"asking {settings.endpoint} …", err=True)
    answer = run_loop(lambda: knock(settings, subscription))
    click.echo(f"it lets us in, and answers in {answer.seconds:.2f} s", err=True)


def _config(path: Path) -> str:
    return "" if path == Path("rollout.toml") else f"--config {shlex.quote(str(path))}"
