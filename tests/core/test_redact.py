"""No secret survives, words do, and no text takes longer than its length."""

from __future__ import annotations

import base64
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core.redact import MARGIN, PLACEHOLDER, redact, redact_head, redact_tail

SECRET = "S3cr3t-Val.ue"
# A busy machine is no failure.
patient = settings(deadline=None)

PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://api.telegram.org/bot5551009:AAH-x_1/getMe", "GET https://api.telegram.org/bot[redacted]/getMe"),
        ("https://api.telegram.org/bot5551009%3AAAH-x_1/x", "https://api.telegram.org/bot[redacted]/x"),
        ("token 5551009001:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "token [redacted]"),
        ("redis://observer:p@ss/w0rd@cache:6379/0", "redis://[redacted]@cache:6379/0"),
        ("postgres://:pw@db/her", "postgres://[redacted]@db/her"),
        ("https://ghtoken@example.org/x", "https://[redacted]@example.org/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [redacted]"),
        ("{'Authorization': 'Bearer abc.def', 'a': 1}", "{'Authorization': '[redacted]', 'a': 1}"),
        ("Cookie: sid=1; other=2", "Cookie: [redacted]"),
        ("got Bearer abcdef12345 back", "got Bearer [redacted] back"),
        ("password=hunter2 next", "password=[redacted] next"),
        ("REDIS_PASSWORD=hunter2", "REDIS_PASSWORD=[redacted]"),
        ("client_secret_2: p(a,s);s", "client_secret_2: [redacted]"),
        ('{"password": "a b c", "x": 1}', '{"password": "[redacted]", "x": 1}'),
        ("{'api_key': 'it\\'s', 'x': 1}", "{'api_key': '[redacted]', 'x': 1}"),
        (r"{\"token\": \"abc\", \"x\": 1}", r"{\"token\": \"[redacted]\", \"x\": 1}"),
        ("secret := 'open until the end", "secret := '[redacted]"),
        ("api-key => abc", "api-key => [redacted]"),
        ("mysql --password hunter2 -e x", "mysql --password [redacted] -e x"),
        ("curl -u me:hunter2 http://x", "curl -u [redacted] http://x"),
        ("/v1?key=abc&x=1", "/v1?key=[redacted]&x=1"),
        ("AKIAIOSFODNN7EXAMPLE used", "[redacted] used"),
        ("key sk-proj-abcdefghijklmnop1234", "key [redacted]"),
        ("eyJhbGciOi.eyJzdWIiOi.sig_-x rest", "[redacted] rest"),
        (PEM.format("MIIB\nAAA="), "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----"),
        ("-----BEGIN PRIVATE KEY-----\nnever ends", "-----BEGIN PRIVATE KEY-----[redacted]"),
        ("id 550e8400-e29b-41d4-a716-446655440000", "id [redacted]"),
        ("d41d8cd98f00b204e9800998ecf8427e", "[redacted]"),
    ],
)
def test_what_goes(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "is the backup done?",
        "Skipping MCP server 'pdf': missing command 'npx'",
        "tokens=12 token_estimate=5 execution_time: 0.41",
        "/usr/lib/python3/dist-packages/aiohttp/web_protocol.py line 12",
        "her_scheduler_state_publish_min_interval_seconds and HER_SCHEDULER_STATE_PUBLISH_MIN_INTERVAL",
        "http://127.0.0.1:8081/workflow/health took 12.5 ms",
        "https://medium.example/@somebody/story",
        "mail somebody@example.org about it",
        "=" * 80,
        "-" * 80,
        "größtenteils trocken, höchstens 12 °C 👍",
    ],
)
def test_what_stays(text: str) -> None:
    assert redact(text) == text


@patient
@given(seed=st.integers(), size=st.integers(32, 96), before=st.sampled_from(["", "key ", "a=", "(", '"', "\n", "x:"]))
def test_no_random_run_survives(seed: int, size: int, before: str) -> None:
    noise = random.Random(seed).randbytes(size)
    for run in (noise.hex(), base64.b64encode(noise).decode(), base64.urlsafe_b64encode(noise).decode()):
        assert redact(f"{before}{run} end") == f"{before}{PLACEHOLDER} end"


passwords = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'\\`"), min_size=4, max_size=40
)
spaces = st.sampled_from(["", " ", "  "])


@patient
@given(value=passwords, name=st.sampled_from(["password", "DB_PASSWD", "api_key", "apiKey", "token", "secret", "pwd"]))
def test_no_assigned_value_survives(value: str, name: str) -> None:
    for text in (
        f"x {name}={value} y",
        f"x {name}: {value} y",
        f'x "{name}": "{value}" y',
        f"x '{name}' => '{value}' y",
    ):
        assert value not in redact(text).replace(PLACEHOLDER, "").replace(name, ""), text


@patient
@given(
    user=st.text("abcxyz019._-", max_size=20),
    password=st.text("abcXYZ019!$%&*()+,;=:@/?#._~-", min_size=4, max_size=40),
)
def test_no_password_in_an_address_survives(user: str, password: str) -> None:
    shown = redact(f"trying amqp://{user}:{password}@host:5672/x now")
    assert shown.startswith("trying amqp://")
    assert shown.endswith("@host:5672/x now")
    assert password not in shown.replace(PLACEHOLDER, "").replace("@host:5672/x", "")


@patient
@given(st.text(max_size=300), st.integers(0, 120))
def test_cuts_are_cuts(text: str, characters: int) -> None:
    assert len(redact_head(text, characters)) <= characters
    assert len(redact_tail(text, characters)) <= characters
    if redact(text) == text:
        assert redact_head(text, characters) == text[:characters]
        assert redact_tail(text, characters) == (text[-characters:] if characters else "")


@pytest.mark.parametrize("place", range(0, 60, 3))
def test_a_secret_on_the_cut_goes_whole(place: int) -> None:
    filler = "word " * 3000
    secret = f"password={SECRET}{'x' * 30}"
    text = filler[: 1000 - place] + " " + secret + " " + filler
    assert "S3cr3t" not in redact_head(text, 1000)
    mirrored = filler + " " + secret + " " + filler[: 1000 - place]
    shown = redact_tail(mirrored, 1000)
    assert "ue" + "x" * 5 not in shown
    assert "S3cr3t" not in shown


def test_the_end_of_a_key_whose_beginning_was_cut_off_goes() -> None:
    body = "\n".join(["short line"] * (MARGIN // 5))
    text = PEM.format(body) + " after"
    assert redact_tail(text, 600).replace(PLACEHOLDER, "") == "-----END RSA PRIVATE KEY----- after"


HOSTILE = (
    "a", "-", "A/", "1", " ", "-eyJ", "eyJab-", "://", "://a:", "://a@", "bot1", "bot1:", "bearer ", "password",
    'password="\\a', "secret='\\'", "token=", "authorization", "authorization:  ", "?key", "sk-", " -u a", " -u a:",
    "-----BEGIN PRIVATE KEY", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY", '\\"', "AKIA", "[redacted]",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_length_and_not_with_its_square(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        best = float("inf")
        for _ in range(2):
            started = time.process_time()
            redact(text)
            best = min(best, time.process_time() - started)
        return best

    # Sixteen times the text: linear is 16, quadratic is 256. In between lies the noise of a busy machine.
    assert seconds(160_000) < 80 * max(seconds(10_000), 0.001)


def test_five_megabytes_cost_as_much_as_their_end() -> None:
    output = "password=hunter2 " * 300_000
    started = time.process_time()
    shown = redact_tail(output, 4000)
    assert time.process_time() - started < 2
    assert "hunter2" not in shown
