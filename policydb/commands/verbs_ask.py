"""What can be typed to ask and to measure: `query`, `explain`, `bench`.

The work is in the other modules of this folder, imported inside the commands, so that a query answers at once.
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
    ask: Ask,
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

    if batch is None:
        ctx.exit(decide.query(ask, form))
    if ask.has_question:
        message = "only --store and --accept-weak-signatures may stand beside it"
        raise click.UsageError(f"--batch takes its questions from the file: {message}")
    ctx.exit(decide.query_batch(batch, ask.store, ask.accept_weak))


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
    ask: Ask,
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
        if ask.has_question or number is not None:
            raise click.UsageError("--peer asks the configuration: it takes no policy, authorizer, attribute or record")
        from policydb.commands import candidates

        ctx.exit(candidates.explain_peer(peer, default_store(ask.store), form))
    if number is not None:
        if ask.has_question:
            raise click.UsageError("--record brings its question along: only --store and --log may stand beside it")
        from policydb.commands import log

        ctx.exit(log.explain(number, default_log(log_file, ask.store), default_store(ask.store), form))
    from policydb.commands import decide

    ctx.exit(decide.explain(ask, form))


@click.command()
@ask_options
@click.option("-n", "rounds", default=5, show_default=True, type=click.IntRange(1), help="Repeat so many rounds.")
@format_option
@click.pass_context
def bench(ctx: click.Context, *, ask: Ask, rounds: int, form: str) -> None:
    """Measure what a question costs, step by step. Times are CPU seconds, medians.

    Example: policydb bench --policy site.policy --authorizer alice --attribute esp_enc_alg=aes
    """
    from policydb.commands import bench

    if ask.credentials:
        raise click.UsageError("credentials are not measured: give --policy or a store")
    ctx.exit(bench.question(ask, rounds, form))


COMMANDS = (query, explain)
"""In the order in which help lists them; `bench` stands at the end of all."""
