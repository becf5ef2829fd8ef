"""HER starts and stops: MCP servers that fail, capability probes, the snapshot, the scheduler's state."""

from collections.abc import Iterator
from typing import Final, Literal

from exporters.her.simulate_chatter import info_lines, secret_texts
from exporters.her.simulate_documents import probes, servers
from exporters.her.simulate_wire import Story
from exporters.her.simulate_writers import Writers

Breakage = Literal["none", "missing_command", "crash", "initialization", "timeout", "cancelled", "bootstrap"]
SERVER_BREAKAGES: Final[tuple[Breakage, ...]] = ("missing_command", "crash", "initialization", "timeout", "cancelled")
BROKEN_SERVER: Final = "pdf"
LOGGER: Final = "her_mcp.manager"


def startup(her: Writers, breakage: Breakage | None = None) -> Story:
    """A process start. `breakage` says how the MCP server `pdf` fails (one of five ways by chance when None);
    `bootstrap` is the start at which nothing of MCP came up at all.
    """
    kind: Breakage = her.rng.choice(SERVER_BREAKAGES) if breakage is None else breakage

    def beats() -> Iterator[float]:
        her.forget()
        info_lines(her)
        broken: dict[str, tuple[str, str]] = {}
        if kind == "bootstrap":
            her.log("ERROR", LOGGER, "MCP bootstrap failed: tool registry could not be created")
        elif kind != "none":
            status, message = _server_fails(her, kind)
            yield 0.4
            broken[BROKEN_SERVER] = (status, message)
            her.log("WARNING", LOGGER, f"MCP server '{BROKEN_SERVER}' unavailable ({status}): {message}")
        yield 0.3 if kind not in {"none", "bootstrap"} else 0.7
        sandbox_up = her.rng.random() < 0.85
        found = probes(sandbox=sandbox_up)
        for capability, probe in found.items():
            her.decision(
                "capability_probe",
                "mcp_tools",
                summary=f"Capability {capability} probed",
                details={"capability": capability, **(probe if isinstance(probe, dict) else {})},
            )
        if kind == "bootstrap":
            failed = {"mcp": {"status": "failed", "message": "tool registry could not be created"}}
            her.publish_capabilities(tool_count=0, capabilities={}, mcp_servers=failed)
        else:
            her.publish_capabilities(capabilities=found, mcp_servers=servers(**broken))
        yield 0.1
        her.scheduler_job(execution_time=0.00002)
        her.publish_scheduler_state(throttled=False)

    return Story(0.8, beats())


def _server_fails(her: Writers, kind: Breakage) -> tuple[str, str]:
    """The line or two a broken server leaves before the start-up summary: (status, message) of the summary."""
    server = f"MCP server '{BROKEN_SERVER}'"
    # Exception texts quote whatever they failed on, credentials included.
    cause = secret_texts(her)[0] if her.canaries.planted else "connection closed before the handshake"
    if kind == "missing_command":
        her.log("WARNING", LOGGER, f"Skipping {server}: missing command 'npx'")
        return "unavailable", "missing command 'npx'"
    if kind == "crash":
        her.log("ERROR", LOGGER, f"Failed to start {server}")
        return "failed", cause
    if kind == "initialization":
        her.log("ERROR", LOGGER, f"{server} failed during initialization: {cause}")
        her.log("ERROR", LOGGER, f"Failed to start {server}")
        return "failed", cause
    if kind == "timeout":
        her.log("WARNING", LOGGER, f"{server} startup timed out after 30s")
        return "failed", "startup timed out after 30s"
    her.log("WARNING", LOGGER, f"{server} startup cancelled: {cause}")
    return "failed", "startup cancelled"


def shutdown(her: Writers) -> None:
    """A clean stop: the scheduler's last word has no next run for anything."""
    her.publish_scheduler_state(running=False, throttled=False)
