"""An agent request: debate, a plan, sandbox commands one by one, a verifier, and the reply."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporters.her import simulate_words as words
from exporters.her.simulate_chat import lookup_seconds, model_seconds, search_seconds
from exporters.her.simulate_turn import Turn, milliseconds
from exporters.her.simulate_wire import Record, Story
from exporters.her.simulate_writers import Writers

SLOWEST_COMMAND_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan, drawn beforehand. `kind`: command, python, shell or write."""

    kind: str
    command: str
    output: str
    error: str
    exit_code: int
    seconds: float


def draw_steps(her: Writers, number: int, *, failing: bool) -> list[Step]:
    """`number` steps, three or four: 17 to 20 workflow events with the rest. At most one script, several commands."""
    steps = []
    for _ in range(number):
        stock = her.rng.choice(words.COMMANDS)
        seconds = min(SLOWEST_COMMAND_SECONDS, max(0.02, stock[4] * her.rng.uniform(0.7, 1.4)))
        steps.append(Step("command", stock[0], stock[1], stock[2], stock[3], round(seconds, 3)))
    if failing:
        bad = her.rng.choice(words.FAILING_COMMANDS)
        steps[1] = Step("command", bad[0], bad[1], bad[2], bad[3], min(SLOWEST_COMMAND_SECONDS, bad[4]))
    kind = her.rng.choice(("command", "python", "shell", "write"))
    last = steps[2]
    steps[2] = Step(kind, last.command, last.output, last.error, last.exit_code, last.seconds)
    return steps


def agent_request(her: Writers, *, failing: bool = False, disputed: bool = False, gives_up: bool = False) -> Story:
    """An ACTION_MODE request on Telegram. `failing`: a command fails and the verifier says so; `disputed`: the skeptic
    rejects the first plan; `gives_up`: the steps yield nothing and the model answers as in a chat.
    """
    initial, semantic, llm, planning = lookup_seconds(her), search_seconds(her), model_seconds(her), model_seconds(her)
    # A second debate takes the place of a fourth step: a request leaves 10 to 20 decisions.
    steps = draw_steps(her, 3 if disputed else her.rng.choice((3, 4)), failing=failing)
    if gives_up:
        steps, seconds = steps[:2], initial + planning + semantic + llm
    else:
        seconds = initial + planning + llm
    seconds += sum(step.seconds for step in steps)

    def beats() -> Iterator[float]:
        turn = Turn(her, her.rng.choice(her.world.people), "check the disk and tell me what is left")
        turn.receive()
        yield from turn.look_up("initial_context", initial)
        turn.notice_mood()
        turn.understand("ACTION_MODE", her.rng.choice((0.95, 1.0)))
        turn.select("execute_agent")
        if disputed:
            debate(turn, approved=False)
        debate(turn, approved=True)
        turn.event("step_start", "tool_selector", "running", step_number=0, action="plan")
        yield from turn.spend(planning)
        plan = f"Plan with {len(steps)} steps"
        turn.event("step_complete", "tool_selector", step_number=0, action="plan", output_preview=plan, verified=True)
        her.decision(
            "tool_call",
            "mcp_tools",
            summary="Web search",
            details={"tool": "web_search", "query_preview": "free disk space", "max_results": 5},
        )
        for number, step in enumerate(steps, start=1):
            yield from run_step(turn, number, step)
        result = "Eleven of forty gigabytes are used."
        if not gives_up:
            yield from synthesize(turn, len(steps) + 1, llm, result)
        verify(turn, verified=not failing)
        if gives_up:
            # The action produced nothing: HER selects a second time, now the chat.
            turn.select("llm_chat")
            yield from turn.look_up("semantic_search", semantic)
            yield from turn.think(her.rng.choice(words.PROVIDERS), llm, result)
        turn.respond(result, task_succeeded=not failing)

    return Story(seconds, beats())


def debate(turn: Turn, *, approved: bool) -> None:
    """Planner and skeptic; their words come from the model."""
    rng = turn.her.rng
    planner: Record = {
        "tool_required": True,
        "action": rng.choice(words.REASONS_TO_PLAN),
        "assumptions": ["the sandbox is up", "the file exists"][: rng.randrange(3)],
        "risk": rng.choice(words.RISKS),
    }
    skeptic: Record = {
        "approved": approved,
        "tool_needed": True,
        "assumption_safe": approved,
        "hallucination_risk": rng.choice(words.RISKS),
        "notes": "fine" if approved else "the plan assumes a file nobody mentioned",
    }
    decision = "approved" if approved else "rejected"
    turn.event("debate", "tool_selector", event="internal_debate", planner=planner, skeptic=skeptic, decision=decision)
    turn.decide("internal_debate", f"Plan {decision}", planner=planner, skeptic=skeptic, approved=approved)


def run_step(turn: Turn, number: int, step: Step) -> Iterator[float]:
    """One step: its decision, its sandbox executions, its workflow pair. Completed means success, verified or not."""
    action: Record = {"command": step.command, "background": False}
    if step.kind == "write":
        action = {"write_to": "/workspace/report.txt", "code": "disk report"}
    elif step.kind in {"python", "shell"}:
        action = {"write_to": f"/workspace/report.{'py' if step.kind == 'python' else 'sh'}", "code": "print('report')"}
    name = "write" if step.kind == "write" else "command"
    turn.decide("agent_step", f"Agent step {number}", step=number, action=action)
    turn.event("step_start", "tool_executor", "running", step_number=number, action=name, event="step_start")
    yield from turn.spend(step.seconds)
    execute(turn, step)
    turn.event(
        "step_complete",
        "tool_executor",
        step_number=number,
        action=name,
        output_preview=(step.output or step.error)[:180],
        verified=step.exit_code == 0,
        event="step_complete",
        execution_ms=milliseconds(step.seconds),
    )


def execute(turn: Turn, step: Step) -> None:
    """The sandbox entries of a step: a Python snippet leaves three, a shell script four, everything else one."""
    her = turn.her
    epoch = int(her.pen.now().timestamp())
    housekeeping: dict[str, tuple[list[str], str, list[str]]] = {
        "command": ([], step.command, []),
        "write": ([], "cat > /workspace/report.txt << 'EOF'\ndisk report\nEOF", []),
        "python": (
            [f"cat > /workspace/script_{epoch}.py"],
            f"python3 /workspace/script_{epoch}.py",
            [f"rm -f /workspace/script_{epoch}.py"],
        ),
        "shell": (
            [f"cat > /workspace/script_{epoch}.sh", f"chmod +x /workspace/script_{epoch}.sh"],
            f"bash /workspace/script_{epoch}.sh",
            [f"rm -f /workspace/script_{epoch}.sh"],
        ),
    }
    before, command, after = housekeeping[step.kind]
    for quick in before:
        her.sandbox_execution(quick, output="", error="", exit_code=0, execution_time=0.041)
    her.sandbox_execution(
        command, output=step.output, error=step.error, exit_code=step.exit_code, execution_time=step.seconds
    )
    for quick in after:
        her.sandbox_execution(quick, output="", error="", exit_code=0, execution_time=0.038)


def synthesize(turn: Turn, number: int, seconds: float, result: str) -> Iterator[float]:
    """The last step: the agent says it is done and puts the result into words."""
    number = min(number, 5)
    turn.decide("agent_step", f"Agent step {number}", step=number, action={"done": True, "result": result})
    turn.event("step_start", "tool_executor", "running", step_number=number, action="analysis", event="step_start")
    yield from turn.spend(seconds)
    turn.event(
        "step_complete",
        "tool_executor",
        step_number=number,
        action="synthesize",
        output_preview=result[:180],
        verified=True,
        event="step_complete",
        execution_ms=milliseconds(seconds),
    )


def verify(turn: Turn, *, verified: bool) -> None:
    """The verifier's word on the whole; its confidence is the model's and is not clamped."""
    verifier: Record = {
        "verified": verified,
        "confidence": turn.her.rng.choice((0.35, 0.8, 0.92, 1.0)),
        "notes": "output matches the request" if verified else "one command failed",
    }
    status, decision = ("success", "approved") if verified else ("error", "rejected")
    turn.event("debate", "tool_executor", status, event="verifier_result", verifier=verifier, decision=decision)
    turn.decide("verifier_result", f"Verifier {decision}", **verifier)
