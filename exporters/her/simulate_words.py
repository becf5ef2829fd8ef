"""What the simulated people say, what HER answers, runs and logs. All of it is invented."""

from typing import Final

MOODS: Final = ("calm", "reflective", "supportive", "curious", "playful")
PROVIDERS: Final = ("ollama", "ollama", "ollama", "openai", "groq", "openrouter")

# Question, answer. Accents, an emoji, quotes and a line break keep the escaping honest.
TALK: Final = (
    ("is the backup done?", "Yes, it finished at nine."),
    ("what should I cook tonight", "How about a lentil soup? It takes thirty minutes."),
    ("è finita la copia?", "Sì, è finita alle nove. Buona serata! \U0001f44d"),
    ("Wie wird das Wetter morgen?", "Morgen bleibt es größtenteils trocken, höchstens 12 °C."),
    (
        "tell me something about tides",
        "Tides follow the moon: two highs and two lows a day.\nSpring tides come at new and full moon.",
    ),
    ("can you shorten my note?", 'Sure: "Meeting moved to Thursday, same room."'),
    ("I feel a bit tired today", "That sounds like a long day. Shall we keep the evening light?"),
    ("which port does the printer use", "The printer listens on port 9100."),
    ("thanks, that was perfect", "Glad it helped."),
    ("no, that is wrong", "You are right, I mixed the two up. It is the second one."),
    ("explain what a heap is, at length", "A heap is a tree: every parent is ordered before its children. " * 12),
    ("remember that I prefer short answers", "Noted."),
)

# Command, standard output, standard error, exit code, typical seconds.
COMMANDS: Final = (
    ("ls -la /workspace", "total 8\ndrwxr-xr-x 2 sandbox sandbox 4096 .\n", "", 0, 0.12),
    ("df -h /", "Filesystem Size Used Avail Use%\noverlay 40G 11G 29G 28%\n", "", 0, 0.15),
    ("curl -sS https://example.org/status", '{"status": "ok"}\n', "", 0, 0.9),
    ("grep -c warning build.log", "14\n", "", 0, 0.08),
    ("wc -l notes.txt", "212 notes.txt\n", "", 0, 0.05),
    ("sha256sum notes.txt", "not shown\n", "", 0, 0.07),
)
FAILING_COMMANDS: Final = (
    ("ping -c 4 example.org", "", "ping: unknown host", 2, 0.41),
    ("cat /workspace/missing.txt", "", "cat: /workspace/missing.txt: No such file or directory", 1, 0.06),
    ("jq . report.json", "", "sh: 1: jq: not found", 127, 0.05),
    ("sleep 600", "", "Command timed out after 30s", 124, 30.0),
    ("uname -a", "", "\u274c Failed to execute command in sandbox", -1, 0.0),
)

# Level, logger, message; what the WARNING and above of an ordinary hour look like. The first three differ in level.
WARNINGS: Final = (
    ("WARNING", "her_telegram.handlers", "Telegram send was slow: 2.41s"),
    ("ERROR", "her_mcp.manager", "MCP tool call failed: connection closed"),
    ("CRITICAL", "her-main", "Database pool exhausted, requests are refused"),
    ("WARNING", "her-main", "Short-term memory fallback: context was empty"),
    ("WARNING", "mem0.memory.main", "{'event': 'NONE', 'text': 'nothing new'}"),
    ("ERROR", "her_telegram.handlers", "Unhandled error while handling an update"),
    ("WARNING", "mcp.client.stdio", "Failed to parse JSONRPC message from server"),
    ("WARNING", "apscheduler.scheduler", 'Execution of job "task:digest" skipped: maximum number of instances reached'),
    ("ERROR", "apscheduler.executors.default", 'Job "task:sheet_check (interval[0:10:00])" raised an exception'),
)
INFOS: Final = (
    ("apscheduler.executors.default", 'Running job "system:reminder_processor (trigger: interval[0:01:00])"'),
    ("apscheduler.executors.default", 'Job "system:reminder_processor" executed successfully'),
    ("mem0.memory.main", "Total existing memories: 4"),
    ("aiohttp.access", '127.0.0.1 "GET /workflow/health HTTP/1.1" 200 165 "-" "curl/8.5"'),
    ("her-main", "Processed message"),
)

REASONS_TO_PLAN: Final = ("run one command and read its output", "check the file first", "compare two listings")
RISKS: Final = ("low", "low", "medium", "may read a stale file")
TRAITS: Final = ("warmth", "curiosity", "assertiveness", "humor", "emotional_depth")
