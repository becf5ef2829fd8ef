"""Ports that are free, and what is said when one is not."""

from __future__ import annotations

import socket

from exporters.demo.ports import free_port, is_free, wanted


def test_a_free_port_can_be_listened_on_and_is_given_once() -> None:
    ports = {free_port() for _ in range(50)}
    assert len(ports) == 50
    with socket.create_server(("127.0.0.1", ports.pop())) as listener:
        assert not is_free(listener.getsockname()[1])


def test_somebody_listening_on_every_address_counts_as_taken() -> None:
    with socket.create_server(("", free_port())) as listener:
        assert not is_free(listener.getsockname()[1])


def test_a_taken_port_is_told_and_replaced() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        taken = listener.getsockname()[1]
        other = wanted(taken, "Grafana", said.append)
    assert other != taken
    assert said == [f"port {taken} is taken: Grafana is on {other} instead"]


def test_a_free_wish_is_granted_in_silence() -> None:
    said: list[str] = []
    wish = free_port() + 12_000
    while not is_free(wish):
        wish += 1
    assert wanted(wish, "Grafana", said.append) == wish
    assert said == []
