"""`hotline agent transfer|hold|retrieve|swap|conference|complete|cancel`: what an agent does with the caller whom he talks with."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from hotline import transfers
from hotline.cli.shell import JsonFlag, console, one_sentence, print_json, shell
from hotline.errors import Misuse

app = typer.Typer()
"""Further commands of `hotline agent`."""

AgentArgument = Annotated[str, typer.Argument(help="The agent's id.")]


@app.command("transfer")
@one_sentence
def transfer(
    ctx: typer.Context,
    agent: AgentArgument,
    to: Annotated[str, typer.Option(help="agent:ID, queue:ID or number:DIGITS.")],
    attended: Annotated[bool, typer.Option("--attended", help="Ask there first; then complete or cancel.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Hand an agent's caller on, at once or after asking whoever answers there. Example: hotline agent transfer 1001 --to queue:sales."""
    if to.partition(":")[0] not in ("agent", "queue", "number"):
        raise Misuse(f"use {transfers.ACCEPTED}")
    body = {"to": to, "attended": attended}
    changed = shell(ctx).client().post(f"/api/v1/agents/{quote(agent, safe='')}/transfer", body)
    _show(changed, as_json=as_json)


def _show(agent: dict[str, Any], *, as_json: bool) -> None:
    """Show that it was asked for; what becomes of it shows in his state, and in the story of the call."""
    if as_json:
        print_json([agent])
    else:
        console.print(f"asked for; agent {agent['id']} is {agent['state']}", markup=False)


def _step(ctx: typer.Context, agent: str, step: str, *, as_json: bool) -> None:
    changed = shell(ctx).client().post(f"/api/v1/agents/{quote(agent, safe='')}/call/{step}", None)
    _show(changed, as_json=as_json)


@app.command("hold")
@one_sentence
def hold(ctx: typer.Context, agent: AgentArgument, as_json: JsonFlag = False) -> None:
    """Let an agent's caller hear music. Example: hotline agent hold 1001."""
    _step(ctx, agent, "hold", as_json=as_json)


@app.command("retrieve")
@one_sentence
def retrieve(ctx: typer.Context, agent: AgentArgument, as_json: JsonFlag = False) -> None:
    """Take an agent's caller back from hold. Example: hotline agent retrieve 1001."""
    _step(ctx, agent, "retrieve", as_json=as_json)


@app.command("swap")
@one_sentence
def swap(ctx: typer.Context, agent: AgentArgument, as_json: JsonFlag = False) -> None:
    """Talk with the caller while the agent who was asked waits, or the other way round. Example: hotline agent swap 1001."""
    _step(ctx, agent, "swap", as_json=as_json)


@app.command("conference")
@one_sentence
def conference(ctx: typer.Context, agent: AgentArgument, as_json: JsonFlag = False) -> None:
    """Let the caller, the agent and the one who was asked talk together. Example: hotline agent conference 1001."""
    _step(ctx, agent, "conference", as_json=as_json)


@app.command("complete")
@one_sentence
def complete(ctx: typer.Context, agent: AgentArgument, as_json: JsonFlag = False) -> None:
    """Give the caller to the agent who was asked. Example: hotline agent complete 1001."""
    _step(ctx, agent, "complete", as_json=as_json)


@app.command("cancel")
@one_sentence
def cancel(ctx: typer.Context, agent: AgentArgument, as_json: JsonFlag = False) -> None:
    """Let the agent go who was asked; the first one has the caller again. Example: hotline agent cancel 1001."""
    _step(ctx, agent, "cancel", as_json=as_json)
