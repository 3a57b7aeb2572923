"""Addresses: what is inside is never reached unless an operator named it."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from helpbot.errors import OutsideError
from helpbot.senders.outside import OutsideClient, is_public

from .stubs import WebStub

if TYPE_CHECKING:
    from collections.abc import Iterator

INSIDE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
    "64:ff9b::7f00:1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd12::1",
    "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
OUTSIDE = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.0.1",
    "2606:4700::1",
]


@pytest.mark.parametrize("text", INSIDE)
def test_an_inside_address_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_outside_address_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.fixture
def stub() -> Iterator[WebStub]:
    made = WebStub()
    yield made
    made.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://localhost:{port}/",
        "http://localhost.:{port}/",
        "http://user@127.0.0.1:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "ftp://127.0.0.1/",
        "http:///nothing",
        "nonsense",
        "",
    ],
)
def test_nothing_inside_is_reached_by_any_spelling(stub: WebStub, url: str) -> None:
    with pytest.raises(OutsideError):
        OutsideClient().post(url.format(port=stub.port), b"", {})
    assert stub.requests == []


def test_a_name_that_changes_its_mind_gains_nothing(stub: WebStub, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    asked = []
    connected: list[str] = []

    def resolve(host: str, port: int, *arguments: Any, **more: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    import helpbot.senders.outside as outside

    monkeypatch.setattr(outside.socket, "getaddrinfo", resolve)

    def connect(self: Any, host: str, port: int, **more: Any) -> Any:
        connected.append(host)
        raise outside.httpcore.ConnectError("refused")

    monkeypatch.setattr(outside.httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(OutsideError):
        OutsideClient().post("https://rebind.example/", b"", {})
    assert asked == ["rebind.example"]
    assert connected == ["93.184.216.34"]


def test_one_inside_address_among_outside_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    import helpbot.senders.outside as outside

    both = [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(outside.socket, "getaddrinfo", lambda *arguments, **more: both)
    with pytest.raises(OutsideError, match=r"10\.0\.0\.1"):
        OutsideClient().post("https://two.example/", b"", {})


def test_other_ports_are_refused_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import helpbot.senders.outside as outside

    monkeypatch.setattr(outside.socket, "getaddrinfo", lambda *arguments, **more: [(2, 1, 6, "", ("8.8.8.8", 22))])
    with pytest.raises(OutsideError, match="port 22"):
        OutsideClient().post("http://eight.example:22/", b"", {})


def test_a_named_network_is_reached_on_any_port(stub: WebStub) -> None:
    assert OutsideClient(networks=["127.0.0.1/32"]).post(stub.url, b"x", {}).status == 200
    with pytest.raises(OutsideError):
        OutsideClient(networks=["127.0.0.2/32"]).post(stub.url, b"x", {})


def test_an_expired_or_foreign_certificate_is_refused(tmp_path: Any) -> None:
    import ssl
    import threading

    from helpbot.senders.outside import OutsideClient as Client

    key, certificate = certificate_files(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            context.wrap_socket(connection, server_side=True)
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    with pytest.raises(OutsideError, match=r"(?i)certificate"):
        Client(networks=["127.0.0.1/32"]).post(f"https://127.0.0.1:{listener.getsockname()[1]}/", b"", {})
    listener.close()


def certificate_files(folder: Any) -> tuple[str, str]:
    """A certificate for localhost that nobody signed."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return str(folder / "key.pem"), str(folder / "cert.pem")
