"""`her:runtime:capabilities` and its history -> Startup.

{"timestamp":"2026-02-22T08:00:00.250000+00:00","tool_count":14,
 "capabilities":{"internet":{"available":true,"reason":"outbound TCP to example.com:443 works"},
                 "sandbox":{"available":false,"reason":"container 'her-sandbox' not found"}},
 "mcp_servers":{"fetch":{"status":"running","message":"3 tools loaded"},
                "brave-search":{"status":"disabled","message":"server disabled in config"}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from exporters.her.record import load

MOST_SERVERS = 64


@dataclass(frozen=True, slots=True)
class Startup:
    """What one start of HER found. `reason` and `message` are exception texts and never read.

    capabilities: name -> available; empty when the bootstrap failed. servers: name -> status, disabled ones included;
    the single pseudo server `mcp` when nothing of MCP came up.
    """

    at: datetime
    tools: int
    capabilities: Mapping[str, bool]
    servers: Mapping[str, str]


def parse_startup(raw: bytes) -> Startup:
    """The snapshot, or one entry of its history: the same object. Raises Rejected."""
    fields = load(raw)
    probed, servers = fields.children("capabilities", MOST_SERVERS), fields.children("mcp_servers", MOST_SERVERS)
    return Startup(
        at=fields.at(),
        tools=fields.need_integer("tool_count", low=0),
        capabilities=MappingProxyType({name: probe.need_flag("available") for name, probe in probed.items()}),
        servers=MappingProxyType({name: server.need_name("status") for name, server in servers.items()}),
    )
