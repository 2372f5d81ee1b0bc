"""What can be typed to ask and to measure: `query`, `explain`, `bench`.

The work is in cli_*.py, imported inside the commands, so that a query answers at once.
"""

from __future__ import annotations

import click

from policydb.commands.options import FILE, ask_options, drawn_format_option, format_option, log_option
from policydb.commands.peer_options import PeerQuestion, peer_options
from policydb.commands.support import Ask, default_log, default_store


@click.command()
@ask_options
@click.option(
    "--batch",
    type=FILE,
    metavar="FILE",
    help="Answer many queries: one JSON object a line in, one a line out. FILE may be gzipped; - is standard input.",
)
@format_option
@click.pass_context
def query(
    ctx: click.Context,
    *,
    policies: tuple[str, ...],
    credentials: tuple[str, ...],
    accept_weak: bool,
    store: str | None,
    authorizers: tuple[str, ...],
    attributes: dict[str, str],
    values: tuple[str, ...],
    batch: str | None,
    form: str,
) -> None:
    """Ask whether policy allows something.

    Prints the compliance value alone; with --format json the whole decision, as `explain` does. Exit code 0: the
    highest value (yes). 1: a lower one (no). 2: the question or a file cannot be used. 3: undecided. With --batch the
    exit code is 0 if every line was answered, whatever the answers say.

    \b
    Examples:
      policydb query --authorizer alice --attribute app_domain="IPsec policy"
      policydb query --policy draft.policy --authorizer alice --values none,weak,strong
      policydb query --batch questions.jsonl > answers.jsonl
    """
    from policydb.commands import decide

    ask = Ask(policies, credentials, store, authorizers, attributes, values, accept_weak)
    if batch is None:
        ctx.exit(decide.query(ask, form))
    if policies or credentials or authorizers or attributes:
        message = "only --store and --accept-weak-signatures may stand beside it"
        raise click.UsageError(f"--batch takes its questions from the file: {message}")
    ctx.exit(decide.query_batch(batch, store, accept_weak))


@click.command()
@ask_options
@click.option("--record", "number", type=click.IntRange(1), help="Ask again what record NUMBER of the log asked.")
@peer_options
@log_option
@drawn_format_option
@click.pass_context
def explain(
    ctx: click.Context,
    *,
    policies: tuple[str, ...],
    credentials: tuple[str, ...],
    accept_weak: bool,
    store: str | None,
    authorizers: tuple[str, ...],
    attributes: dict[str, str],
    values: tuple[str, ...],
    number: int | None,
    peer: PeerQuestion | None,
    log_file: str | None,
    form: str,
) -> None:
    """Ask whether policy allows something, and why.

    Shows which assertion, which condition and which value decided and, on a refusal, the nearest changes that would
    have been allowed. With --record it takes a negotiation from the daemon's decision log, asks the generation that
    decided then, and shows the record with its reasons.

    With --peer it asks the configuration instead: which peer section and which connection would be taken for a
    negotiation that comes from ADDRESS, in which order the candidates are looked at, and where each one differs.

    \b
    Examples:
      policydb explain --authorizer alice --attribute esp_enc_alg=3des
      policydb explain --authorizer alice --format dot | dot -Tsvg > why.svg
      policydb explain --record 12
      policydb explain --peer 203.0.113.9 --local-id 10.2.0.0/16 --remote-id 10.1.0.0/16 --offer AES-SHA2-256-GRP14
    """
    if form not in {"text", "json"} and (number is not None or peer is not None):
        raise click.UsageError("a record or a peer is shown as text or json, not as a drawing")
    if peer is not None:
        if policies or credentials or authorizers or attributes or number is not None:
            raise click.UsageError("--peer asks the configuration: it takes no policy, authorizer, attribute or record")
        from policydb.commands import candidates

        ctx.exit(candidates.explain_peer(peer, default_store(store), form))
    if number is not None:
        if policies or credentials or authorizers or attributes:
            raise click.UsageError("--record brings its question along: only --store and --log may stand beside it")
        from policydb.commands import log

        ctx.exit(log.explain(number, default_log(log_file, store), default_store(store), form))
    from policydb.commands import decide

    ask = Ask(policies, credentials, store, authorizers, attributes, values, accept_weak)
    ctx.exit(decide.explain(ask, form))


def _sizes(ctx: click.Context, option: click.Parameter, given: str) -> tuple[int, ...]:
    sizes = tuple(int(each) if each.isdecimal() and each.isascii() else 0 for each in given.split(","))
    if min(sizes) < 10:
        raise click.BadParameter("sizes are numbers from 10 on, written as 10,100,1000", ctx=ctx, param=option)
    return sizes


@click.command()
@ask_options
@click.option("-n", "rounds", default=5, show_default=True, type=click.IntRange(1), help="Repeat so many rounds.")
@click.option("--scenarios", is_flag=True, help="Measure policies of growing size instead of a question.")
@click.option(
    "--sizes", default="10,100,1000,10000,100000", show_default=True, callback=_sizes, help="How large they are."
)
@click.option("--scenario", "names", multiple=True, metavar="NAME", help="Only this scenario; may be repeated.")
@format_option
@click.pass_context
def bench(
    ctx: click.Context,
    *,
    policies: tuple[str, ...],
    credentials: tuple[str, ...],
    store: str | None,
    authorizers: tuple[str, ...],
    attributes: dict[str, str],
    values: tuple[str, ...],
    accept_weak: bool,  # noqa: ARG001 - an option of every question
    rounds: int,
    scenarios: bool,
    sizes: tuple[int, ...],
    names: tuple[str, ...],
    form: str,
) -> None:
    r"""Measure what a question costs.

    Times are CPU seconds, medians. With --scenarios six policies of growing size are measured instead, and held against
    what is to be reached; docs/performance.md explains the table. Exit code 0: all of it is reached.

    \b
    Examples:
      policydb bench --policy site.policy --authorizer alice --attribute esp_enc_alg=aes
      policydb bench --scenarios --sizes 10,1000
    """
    from policydb.commands import bench
    from policydb.commands.scenarios import SCENARIOS

    if credentials:
        raise click.UsageError("credentials are not measured: give --policy or a store")
    unknown = [each for each in names if each not in SCENARIOS]
    if unknown:
        raise click.UsageError(f"no scenario {unknown[0]}: there are {', '.join(SCENARIOS)}")
    if scenarios:
        if policies or authorizers or attributes or store:
            raise click.UsageError("--scenarios brings its policies and questions along")
        ctx.exit(bench.scenarios(sizes, names or tuple(SCENARIOS), form))
    ctx.exit(bench.question(Ask(policies, credentials, store, authorizers, attributes, values), rounds, form))


COMMANDS = (query, explain)
"""In the order in which help lists them; `bench` stands at the end of all."""
