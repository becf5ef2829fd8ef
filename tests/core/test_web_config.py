"""The web configuration file: what the format allows is read, everything wrong is named, all of it at once."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.core.errors import ConfigError
from exporters.core.web_config import inspect_web_config, load_web_config
from exporters.core.web_rate import RateLimit
from tests.core.web_clients import Authority, Issued, private_pem

# Cost 4, in the spelling of htpasswd.
HASH = "$2y$04$tWOTihRRbfhV6LAZJDm.nOi4TTpn10LHnbf0vdYjBQt81XUxtgC0m"
CANARY = "canary-5d1f"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("server")


@pytest.fixture
def tls(issued: Issued) -> str:
    """The beginning of a file with TLS; more settings of the section may follow."""
    return f"tls_server_config:\n  cert_file: {issued.certificate}\n  key_file: {issued.key}\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "web.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(folder: Path, text: str | bytes) -> list[str]:
    """What is wrong with the file, each without the file's own name in front."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_web_config(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "tls_server_config:\nbasic_auth_users: {}\n"])
def test_an_empty_file_switches_nothing_on(tmp_path: Path, text: str) -> None:
    config = load_web_config(written(tmp_path, text))
    assert (config.tls, config.context, dict(config.users), dict(config.headers)) == (None, None, {}, {})
    assert config.rate_limit is None


def test_everything_the_format_has(tmp_path: Path, authority: Authority, issued: Issued) -> None:
    text = f"""
tls_server_config:
  cert_file: {issued.certificate}
  key_file: {issued.key}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: {authority.certificate}
  client_allowed_sans: [scraper.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: true
  curve_preferences: [CurveP256]
http_server_config:
  http2: true
  headers:
    Content-Security-Policy: default-src 'none'
    X-Frame-Options: sameorigin
    X-Content-Type-Options: nosniff
    X-XSS-Protection: "0"
    Strict-Transport-Security: max-age=31536000; includeSubDomains
basic_auth_users:
  alice: {HASH}
  123: {HASH}
  no: {HASH}
rate_limit:
  interval: 1m0.5s
  burst: 20
"""
    config = load_web_config(written(tmp_path, text))
    assert config.tls is not None
    assert config.tls.allowed_sans == ("scraper.example", "10.0.0.1")
    assert config.context is not None
    assert config.context.verify_mode is ssl.CERT_REQUIRED
    ciphers = {cipher["name"] for cipher in config.context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    assert ciphers == {"ECDHE-ECDSA-AES256-GCM-SHA384"}
    assert config.headers["X-Frame-Options"] == "sameorigin"
    assert len(config.headers) == 5
    assert dict(config.users) == {"alice": HASH, "123": HASH, "no": HASH}
    assert config.rate_limit == RateLimit(60.5, 20)


def test_files_are_looked_for_beside_the_configuration_file(tmp_path: Path, issued: Issued) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/a.pem").write_bytes(issued.certificate.read_bytes())
    (tmp_path / "tls/a.key").write_bytes(issued.key.read_bytes())
    config = load_web_config(written(tmp_path, "tls_server_config: {cert_file: tls/a.pem, key_file: tls/a.key}"))
    assert config.context is not None
    found = inspect_web_config(config.path)
    assert found.files == (config.path, tmp_path / "tls/a.pem", tmp_path / "tls/a.key")


def test_certificates_may_stand_in_the_file_itself(tmp_path: Path, authority: Authority, issued: Issued) -> None:
    def indented(path: Path) -> str:
        return path.read_text().replace("\n", "\n    ").rstrip()

    text = f"""tls_server_config:
  cert: |
    {indented(issued.certificate)}
  key: |
    {indented(issued.key)}
  client_ca: |
    {indented(authority.certificate)}
  client_auth_type: VerifyClientCertIfGiven
"""
    config = load_web_config(written(tmp_path, text))
    assert config.context is not None
    assert config.context.verify_mode is ssl.CERT_OPTIONAL
    assert "PRIVATE KEY" not in repr(config)


def test_a_certificate_and_its_key_may_share_one_file(tmp_path: Path, issued: Issued) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
    text = "tls_server_config: {cert_file: both.pem, key_file: both.pem}"
    assert load_web_config(written(tmp_path, text)).context is not None


def test_without_the_memory_files_of_linux_it_works_too(
    tmp_path: Path, tls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporters.core.web_tls._OPEN_FILES", tmp_path / "not there")
    assert load_web_config(written(tmp_path, tls)).context is not None


@pytest.mark.parametrize(
    ("minimum", "maximum"), [("TLS10", "TLS13"), ("TLS11", "TLS11"), ("TLS12", "TLS12"), ("TLS13", "TLS13")]
)
def test_versions(tmp_path: Path, tls: str, minimum: str, maximum: str) -> None:
    config = load_web_config(written(tmp_path, f"{tls}  min_version: {minimum}\n  max_version: {maximum}\n"))
    assert config.context is not None
    names = {"TLS10": "TLSv1", "TLS11": "TLSv1_1", "TLS12": "TLSv1_2", "TLS13": "TLSv1_3"}
    assert config.context.minimum_version.name == names[minimum]
    assert config.context.maximum_version.name == names[maximum]


def test_suites_of_tls_13_alone_leave_nothing_for_tls_12(tmp_path: Path, tls: str) -> None:
    config = load_web_config(written(tmp_path, f"{tls}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"))
    assert config.context is not None
    assert config.context.minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "must be a mapping of tls_server_config, http_server_config, basic_auth_users, rate_limit"),
        ("tls: {}\n", "tls: unknown key; legal here: tls_server_config,"),
        ("auth_excluded_paths: [/]\n", "auth_excluded_paths: unknown key; legal here:"),
        ("tls_server_config: yes\n", "tls_server_config: must be a mapping of cert, cert_file,"),
        ("tls_server_config: {certfile: a}\n", "tls_server_config.certfile: unknown key; legal here: cert, cert_file"),
        ("tls_server_config: {min_version: TLS12}\n", "tls_server_config: needs cert_file (or cert, inline)"),
        ("tls_server_config: {min_version: TLS12}\n", "tls_server_config: needs key_file (or key, inline)"),
        ("tls_server_config: {cert_file: [a]}\n", "tls_server_config.cert_file: must be text"),
        ("http_server_config: {http2: perhaps}\n", "http_server_config.http2: must be true or false"),
        ("http_server_config: {http3: true}\n", "http_server_config.http3: unknown key; legal here: http2, headers"),
        (
            "http_server_config: {headers: {X-Powered-By: us}}\n",
            "http_server_config.headers.X-Powered-By: unknown key; legal here: Content-Security-Policy,",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: maybe}}\n",
            "http_server_config.headers.X-Frame-Options: 'maybe' is not one of deny, sameorigin",
        ),
        (
            "http_server_config: {headers: {X-Content-Type-Options: sniff}}\n",
            "http_server_config.headers.X-Content-Type-Options: 'sniff' is not one of nosniff",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a=b"}}\n',
            "http_server_config.headers.X-XSS-Protection: must be printable ASCII on one line",
        ),
        ("basic_auth_users: [alice]\n", "basic_auth_users: must be a mapping of <user>: <bcrypt hash>"),
        ("basic_auth_users: {alice: secret}\n", "basic_auth_users.alice: must be a bcrypt hash"),
        ("basic_auth_users: {alice: }\n", "basic_auth_users.alice: must be a bcrypt hash"),
        ("basic_auth_users: {alice: {}}\n", "basic_auth_users.alice: must be text"),
        (f'basic_auth_users: {{"a:b": "{HASH}"}}\n', "basic_auth_users.a:b: a user name is not empty and has no colon"),
        (f'basic_auth_users: {{"": "{HASH}"}}\n', "basic_auth_users.: a user name is not empty and has no colon"),
        (
            f"basic_auth_users: {{alice: {HASH.replace('$04$', '$31$')}}}\n",
            "basic_auth_users.alice: bcrypt cost 31 is outside 4 to 18",
        ),
        (f"basic_auth_users: {{a: {HASH}, a: {HASH}}}\n", "line 1, column 85: not valid YAML: a key stands twice"),
        ("rate_limit: {interval: 5}\n", "rate_limit.interval: must be a duration with a unit, such as 1s"),
        ("rate_limit: {interval: -1s, burst: 1}\n", "rate_limit.interval: must be a duration with a unit"),
        ("rate_limit: {interval: 1s}\n", "rate_limit.burst: must be at least 1"),
        ("rate_limit: {interval: 1s, burst: 0}\n", "rate_limit.burst: must be at least 1"),
        ("rate_limit: {interval: 1s, burst: many}\n", "rate_limit.burst: must be a whole number from 0"),
        ("{a: 1\n", "not valid YAML: expected ',' or '}'"),
        ("a: !!python/object:os.system {}\n", "not valid YAML: could not determine a constructor"),
        ("? [a]\n: b\n", "not valid YAML: a key must be text"),
        ("~: b\n", "not valid YAML: a key must be text"),
        ("a: 1\n---\nb: 1\n", "not valid YAML: but found another document"),
        ("[" * 5000, "not valid YAML"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str | bytes, expected: str) -> None:
    found = problems(tmp_path, text)
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("client_auth_type: RequestClientCert", "RequestClientCert takes certificates without verifying them"),
        ("client_auth_type: RequireAnyClientCert", "RequireAnyClientCert takes certificates without verifying them"),
        ("client_auth_type: RequireClientCert", "RequireClientCert takes certificates without verifying them"),
        ("client_auth_type: Always", "'Always' is not one of NoClientCert, VerifyClientCertIfGiven, RequireAndVerify"),
        ("client_auth_type: RequireAndVerifyClientCert", "RequireAndVerifyClientCert needs client_ca_file"),
        ("client_auth_type: VerifyClientCertIfGiven", "VerifyClientCertIfGiven needs client_ca_file"),
        ("client_ca_file: CA", "client_ca_file: needs client_auth_type: RequireAndVerifyClientCert"),
        ("client_allowed_sans: [a]", "client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert"),
        (
            "client_allowed_sans: [a]\n  client_ca_file: CA\n  client_auth_type: VerifyClientCertIfGiven",
            "client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert; with VerifyClientCertIfGiven",
        ),
        ("client_allowed_sans: a", "client_allowed_sans: must be a list of texts"),
        ("min_version: TLS9", "min_version: 'TLS9' is not one of TLS10, TLS11, TLS12, TLS13"),
        ("min_version: TLS13\n  max_version: TLS12", "min_version: TLS13 is newer than max_version, TLS12"),
        (
            "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
            "cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA' is not one of TLS_AES",
        ),
        (
            "cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12",
            "cipher_suites: none of them can be used up to TLS12",
        ),
        (
            "curve_preferences: [P256]",
            "curve_preferences: 'P256' is not one of CurveP256, CurveP384, CurveP521, X25519",
        ),
        ("curve_preferences: [X25519, CurveP256]", "curve_preferences: Python's ssl takes one curve"),
        ("prefer_server_cipher_suites: 3", "prefer_server_cipher_suites: must be true or false"),
        ("cert: inline", "cert: give either cert or cert_file, not both"),
        ("client_ca_file: nowhere.pem\n  client_auth_type: RequireAndVerifyClientCert", "nowhere.pem: No such file"),
        ("client_ca_file: KEY\n  client_auth_type: RequireAndVerifyClientCert", "client_ca_file: holds no PEM block"),
        ("client_ca_file: BAD\n  client_auth_type: RequireAndVerifyClientCert", "client_ca_file: holds no certificate"),
    ],
)
def test_what_is_wrong_with_tls_is_named(
    tmp_path: Path, tls: str, authority: Authority, issued: Issued, settings: str, expected: str
) -> None:
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for word, path in (("CA", authority.certificate), ("KEY", issued.key), ("BAD", tmp_path / "bad.pem")):
        settings = settings.replace(f": {word}", f": {path}")
    found = problems(tmp_path, f"{tls}  {settings}\n")
    assert len(found) == 1, found
    assert expected in found[0]


def test_files_that_cannot_be_used_are_named_together(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    text = """
tls_server_config:
  cert_file: missing.pem
  key_file: binary
  client_ca_file: .
  client_auth_type: RequireAndVerifyClientCert
"""
    assert problems(tmp_path, text) == [
        f"tls_server_config.cert_file: cannot read {tmp_path}/missing.pem: No such file or directory",
        f"tls_server_config.key_file: {tmp_path}/binary is not a PEM file",
        f"tls_server_config.client_ca_file: cannot read {tmp_path}: Is a directory",
    ]


def test_a_key_of_another_certificate(tmp_path: Path, authority: Authority, issued: Issued) -> None:
    other = authority.issue("other")
    text = f"tls_server_config: {{cert_file: {issued.certificate}, key_file: {other.key}}}"
    found = problems(tmp_path, text)
    assert found == ["tls_server_config.key_file: is not the key of the certificate in tls_server_config.cert_file"]


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path, issued: Issued) -> None:
    (tmp_path / "locked.key").write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1()), b"passphrase"))
    text = f"tls_server_config: {{cert_file: {issued.certificate}, key_file: locked.key}}"
    assert problems(tmp_path, text) == [
        "tls_server_config.key_file: the private key is encrypted; store it without a passphrase"
    ]


def test_a_damaged_key(tmp_path: Path, issued: Issued) -> None:
    (tmp_path / "damaged.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    text = f"tls_server_config: {{cert_file: {issued.certificate}, key_file: damaged.key}}"
    (found,) = problems(tmp_path, text)
    assert "OpenSSL cannot load them" in found


def test_every_problem_at_once(tmp_path: Path) -> None:
    text = """
tls_server_config: {cert_file: missing.pem, key_file: missing.key, min_version: TLS99, oops: 1}
http_server_config: {headers: {X-Frame-Options: never}}
basic_auth_users: {alice: plain, bob: plain}
rate_limit: {interval: soon, burst: some}
extra: 1
"""
    names = [problem.partition(":")[0] for problem in problems(tmp_path, text)]
    assert sorted(names) == [
        "basic_auth_users.alice",
        "basic_auth_users.bob",
        "extra",
        "http_server_config.headers.X-Frame-Options",
        "rate_limit.burst",
        "rate_limit.interval",
        "tls_server_config.cert_file",
        "tls_server_config.key_file",
        "tls_server_config.min_version",
        "tls_server_config.oops",
    ]


_KEYS = (
    *("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "headers", "X-Frame-Options"),
    *("cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type", "min_version"),
    *("client_allowed_sans", "cipher_suites", "curve_preferences", "interval", "burst", "http2", "alice"),
)
_VALUES = st.recursive(
    st.none()
    | st.text(max_size=12)
    | st.sampled_from([HASH, "RequireAndVerifyClientCert", "TLS10", "TLS13", "1s", "3", "-----BEGIN PRIVATE KEY-----"]),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), deeper, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(_KEYS[:4]), _VALUES, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_file_is_used_or_named(tmp_path: Path, content: dict[str, object]) -> None:
    found = inspect_web_config(written(tmp_path, yaml.safe_dump(content)))
    assert (found.config is None) is bool(found.problems)
    assert len(found.fingerprint) == len(found.files)


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_named(tmp_path: Path, content: bytes) -> None:
    found = inspect_web_config(written(tmp_path, content))
    assert (found.config is None) is bool(found.problems)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yml: cannot be read: No such file or directory"):
        load_web_config(tmp_path / "gone.yml")


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users: {{alice: {CANARY}}}\n",
        f"basic_auth_users:\n\talice: {CANARY}\n",
        f"basic_auth_users: {{alice: '{CANARY}\n",
        f"tls_server_config: {{cert: {CANARY}, key: {CANARY}}}\n",
        f"basic_auth_users:\n  alice: {CANARY}\n bob: {CANARY}\n",
    ],
)
def test_no_message_quotes_a_secret(tmp_path: Path, text: str) -> None:
    assert CANARY not in "\n".join(problems(tmp_path, text))
