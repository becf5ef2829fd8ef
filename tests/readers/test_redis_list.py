"""A capped list on a real Redis: exact numbers, bounded batches, crashes, bursts, accidents."""

from __future__ import annotations

import threading
import tracemalloc
from typing import Any

import pytest
import redis

from exporters.core.errors import StreamError
from exporters.readers.redis_list import RedisList
from tests.readers.lists import COMPANION, HASH_KEY, KEY, TOKENS, Consumer, Pusher, texts


def counted_list(**options: Any) -> RedisList:
    return RedisList(
        **{"key": KEY, "cap": 50, "hash_key": HASH_KEY, "companion": COMPANION, "accumulators": (TOKENS,), **options}
    )


def plain_list(**options: Any) -> RedisList:
    return RedisList(**{"key": KEY, "cap": 50, "hash_key": HASH_KEY, **options})


def calls(client: redis.Redis, command: str) -> int:
    stats = client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


@pytest.fixture
def pusher(writer: redis.Redis) -> Pusher:
    return Pusher(writer)


@pytest.fixture
def consumer(connection: redis.Redis) -> Consumer:
    return Consumer(counted_list(), connection)


@pytest.fixture
def plain(connection: redis.Redis) -> Consumer:
    return Consumer(plain_list(), connection)


def test_the_first_read_takes_all_there_is_and_counts_what_is_gone(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(62)
    batch = consumer.read()
    assert list(batch.records) == pusher.pushed[-50:]
    assert (batch.lost, batch.gap, batch.more) == (12, False, False)
    assert batch.totals == {COMPANION: 62, TOKENS: 620}


def test_the_cursor_tells_nothing(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(5)
    consumer.read()
    assert "entry" not in consumer.stored
    assert len(consumer.stored) < 5 * 24 + 150


def test_an_unchanged_list_costs_one_probe(pusher: Pusher, consumer: Consumer, writer: redis.Redis) -> None:
    pusher.push(62)
    consumer.read()
    writer.config_resetstat()
    before = consumer.stored
    for _ in range(3):
        batch = consumer.read()
        assert (list(batch.records), batch.lost, batch.gap, batch.totals) == ([], 0, False, {})
    assert consumer.stored == before
    assert (calls(writer, "lrange"), calls(writer, "memory|usage"), calls(writer, "lindex")) == (0, 0, 3)


def test_a_few_new_entries_cost_a_look_at_the_newest(writer: redis.Redis, connection: redis.Redis) -> None:
    pusher = Pusher(writer, cap=500, counted=False)
    consumer = Consumer(plain_list(cap=500), connection)
    pusher.push(500)
    consumer.read()
    writer.config_resetstat()
    sent = int(writer.info("stats")["total_net_output_bytes"])
    pusher.push(3)
    assert list(consumer.read().records) == pusher.pushed[-3:]
    assert calls(writer, "lrange") == 1
    assert int(writer.info("stats")["total_net_output_bytes"]) - sent < 32 * 25 + 12_000  # INFO itself is most of it
    pusher.push(30)
    assert list(consumer.read().records) == pusher.pushed[-30:]
    assert calls(writer, "lrange") == 3, "32 held too little of the old, 128 were enough"


@pytest.mark.parametrize("burst", [1, 49, 50, 51, 150])
def test_bursts(pusher: Pusher, consumer: Consumer, plain: Consumer, burst: int) -> None:
    pusher.push(40)
    consumer.read()
    plain.read()
    pusher.push(burst)
    assert (consumer.read().gap, plain.read().gap) == (False, burst >= 50)
    seen = min(burst, 50)
    assert consumer.emitted == plain.emitted == pusher.pushed[:40] + pusher.pushed[-seen:]
    assert (consumer.lost, plain.lost) == (burst - seen, 0)
    assert consumer.totals[-1] == {COMPANION: burst, TOKENS: 10 * burst}


def test_a_list_that_first_appears_is_no_gap(pusher: Pusher, plain: Consumer, consumer: Consumer) -> None:
    plain.read()
    consumer.read()
    pusher.push(49)
    plain.read()
    consumer.read()
    assert (plain.gaps, consumer.gaps, consumer.accounted, len(plain.emitted)) == (0, 0, 49, 49)


@pytest.mark.parametrize("max_poll_bytes", [8 << 20, 700])
def test_every_batch_boundary_is_a_place_to_crash(
    writer: redis.Redis, connection: redis.Redis, max_poll_bytes: int
) -> None:
    """From every stored cursor, a new process reads on with no loss and nothing twice; also entry by entry."""
    pusher = Pusher(writer, size=40)
    reader = counted_list(max_batch_records=7, max_poll_bytes=max_poll_bytes)
    consumer = Consumer(reader, connection)
    pusher.push(30)
    places = [consumer.copy()]
    while True:
        consumer.read(commit=False)
        batch = consumer.read()
        places.append(consumer.copy())
        if not batch.more:
            break
    assert len(places) == 1 + -(-30 // 7)
    assert sum(totals[COMPANION] or 0 for totals in consumer.totals) == 30
    pusher.push(15)
    for place in places:
        again = place.copy(reader=counted_list(max_batch_records=4, max_poll_bytes=max_poll_bytes))
        again.drain()
        assert again.emitted == pusher.pushed
        assert (again.lost, again.gaps) == (0, 0)


def test_batches_are_bounded_in_bytes(writer: redis.Redis, connection: redis.Redis) -> None:
    pusher = Pusher(writer, size=1000)
    consumer = Consumer(counted_list(max_poll_bytes=3500), connection)
    pusher.push(4)
    pusher.push(payload=b"x" * 9000)
    pusher.push(4)
    sizes = [[len(record) for record in batch.records] for batch in consumer.drain()]
    assert sizes == [[1000] * 3, [1000], [9000], [1000] * 3, [1000]]
    assert consumer.emitted == pusher.pushed


def test_pending_entries_trimmed_between_batches_are_lost(writer: redis.Redis, connection: redis.Redis) -> None:
    for max_poll_bytes in (8 << 20, 700):
        writer.flushall()
        pusher = Pusher(writer, size=40, counted=False)
        consumer = Consumer(plain_list(max_batch_records=10, max_poll_bytes=max_poll_bytes), connection)
        consumer.read()
        pusher.push(45)
        assert consumer.read().more
        pusher.push(25)
        consumer.drain()
        assert consumer.emitted == pusher.pushed[:10] + pusher.pushed[-50:]
        assert (consumer.lost, consumer.gaps) == (10, 0)


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("max_poll_bytes", [8 << 20, 700])
def test_pushers_that_never_stop(
    writer: redis.Redis,
    connection: redis.Redis,
    max_poll_bytes: int,
    repeats: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Two writers, bursts over the cap, small batches, crashes: emitted + lost is what was pushed, at every step."""
    port = writer.connection_pool.connection_kwargs["port"]
    stop = threading.Event()
    pushers = [Pusher(redis.Redis(port=port, protocol=2), size=40, name=name) for name in ("entry", "other")]
    if repeats:  # both push the same entries in the same order
        pushers[1].name = "entry"

    def work(pusher: Pusher, pause: float) -> None:
        while not stop.is_set():
            pusher.push(1)
            if len(pusher.pushed) % 120 == 0:
                pusher.push(130)
            stop.wait(pause)

    threads = [threading.Thread(target=work, args=(pusher, 0.002 * n)) for n, pusher in enumerate(pushers, 1)]
    reader = counted_list(max_batch_records=9, max_poll_bytes=max_poll_bytes, repeats=repeats)
    consumer = Consumer(reader, connection)
    for thread in threads:
        thread.start()
    number, busy = 0, set[str]()
    while len(consumer.emitted) < 400 or consumer.lost < 100:
        number += 1
        if number % 40 == 0:  # late for once
            enough = consumer.accounted + 80
            while int(writer.get(COMPANION) or 0) < enough:
                stop.wait(0.001)
        try:
            consumer.read(commit=number % 5 != 0)
        except StreamError as error:
            busy.add(error.reason)
    stop.set()
    for thread in threads:
        thread.join()
    consumer.drain()
    produced = sum(len(pusher.pushed) for pusher in pushers)
    assert int(writer.get(COMPANION) or 0) == produced
    assert (consumer.accounted, consumer.gaps) == (produced, 0)
    assert busy <= {"busy"}
    assert sum(totals[TOKENS] or 0 for totals in consumer.totals) == 10 * produced
    for pusher in pushers:
        pusher.client.close()


def test_identical_payloads_with_a_companion(pusher: Pusher, consumer: Consumer) -> None:
    for burst in (3, 0, 1, 49, 50, 51, 200, 7):
        pusher.push(burst, payload=b"ok")
        consumer.drain()
    assert consumer.accounted == len(pusher.pushed)
    assert (consumer.lost, consumer.gaps) == (1 + 150, 0)


def test_identical_neighbours_without_a_companion(writer: redis.Redis, connection: redis.Redis) -> None:
    pusher = Pusher(writer, cap=61, counted=False)
    consumer = Consumer(plain_list(cap=61, repeats=True), connection)
    for payload in b"aabbbcaaabcc" * 8:
        pusher.push(payload=bytes([payload]))
        consumer.read()
    assert consumer.emitted == pusher.pushed
    assert consumer.gaps == 0


def test_an_equal_head_hides_nothing_where_entries_repeat(writer: redis.Redis, connection: redis.Redis) -> None:
    pusher = Pusher(writer, cap=4, counted=False)
    consumer = Consumer(plain_list(cap=4, repeats=True), connection)
    for payload in (b"a", b"b", b"c", b"d"):
        pusher.push(payload=payload)
    consumer.read()
    pusher.push(payload=b"d")
    assert list(consumer.read().records) == [b"d"]


def test_any_bytes_are_an_entry(pusher: Pusher, consumer: Consumer) -> None:
    entries = [b"", b"\x00", b"\xff\xfe", b"\r\n+OK\r\n", b'{"output":"\\u0000"}', "❌".encode()]
    for entry in entries:
        pusher.push(payload=entry)
    assert list(consumer.read().records) == entries


def test_push_and_trim_are_two_commands(writer: redis.Redis, plain: Consumer) -> None:
    pusher = Pusher(writer, counted=False)
    pusher.push(50)
    plain.read()
    for number in range(3):
        writer.lpush(KEY, f"untrimmed {number}")
    assert len(plain.read().records) == 3
    writer.ltrim(KEY, 0, 49)
    plain.read()
    assert (len(plain.emitted), plain.lost, plain.gaps) == (53, 0, 0)


def test_a_server_that_took_pushes_back(pusher: Pusher, consumer: Consumer, plain: Consumer) -> None:
    pusher.push(60)
    consumer.read()
    plain.read()
    pusher.client.lpop(KEY, 5)
    pusher.client.decrby(COMPANION, 5)
    pusher.client.decrby(TOKENS, 50)
    pusher.push(2)
    for reader in (consumer, plain):
        batch = reader.read()
        assert list(batch.records) == pusher.pushed[-2:]
        assert (batch.lost, batch.gap) == (0, True)
        assert not reader.read().gap
    assert consumer.totals[-1] == {COMPANION: None, TOKENS: None}
    pusher.push(1)
    consumer.read()
    assert consumer.totals[-1] == {COMPANION: 1, TOKENS: 10}


def test_taken_back_and_pushed_to_the_same_length_and_count(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(10)
    consumer.read()
    pusher.client.lpop(KEY, 1)
    pusher.client.decr(COMPANION)
    pusher.push(1)
    assert list(consumer.read().records) == pusher.pushed[-1:]


def test_flushall(pusher: Pusher, consumer: Consumer, plain: Consumer) -> None:
    pusher.push(60)
    consumer.read()
    plain.read()
    pusher.client.flushall()
    batch = consumer.read()
    assert (list(batch.records), batch.lost, batch.gap) == ([], 0, True)
    assert batch.totals == {COMPANION: 0, TOKENS: 0}
    assert plain.read().gap
    assert (consumer.read().gap, plain.read().gap) == (False, False)
    pusher.push(8)
    batch = consumer.read()
    assert list(batch.records) == list(plain.read().records) == pusher.pushed[-8:]
    assert (batch.lost, batch.gap, batch.totals) == (0, False, {COMPANION: 8, TOKENS: 80})
    assert plain.gaps == 1


def test_flushall_and_pushes_between_two_reads(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(60)
    consumer.read()
    pusher.client.flushall()
    pusher.push(8)
    batch = consumer.read()
    assert (list(batch.records), batch.lost, batch.gap) == (pusher.pushed[-8:], 0, True)
    assert batch.totals == {COMPANION: 8, TOKENS: 80}


def test_a_deleted_list_under_a_living_counter(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(60)
    consumer.read()
    pusher.push(4)
    pusher.client.delete(KEY)
    batch = consumer.read()
    assert (list(batch.records), batch.lost, batch.gap) == ([], 4, True)
    pusher.push(3)
    batch = consumer.read()
    assert (len(batch.records), batch.lost, batch.gap) == (3, 0, False)
    assert consumer.accounted == len(pusher.pushed)


def test_another_type_fails_this_stream_until_it_is_a_list_again(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(5)
    consumer.read()
    pusher.client.set(KEY, "no list")
    for _ in range(2):
        with pytest.raises(StreamError) as caught:
            consumer.read()
        assert caught.value.reason == "wrong_type"
    pusher.client.delete(KEY)
    pusher.push(2)
    batch = consumer.read()
    assert (list(batch.records), batch.lost) == (pusher.pushed[-2:], 0)


@pytest.mark.parametrize("broken", ["no number", "1.5", " 12", "-3", "list"])
def test_a_counter_that_does_not_count_is_flagged_and_the_list_still_read(
    pusher: Pusher, consumer: Consumer, broken: str
) -> None:
    pusher.push(5)
    consumer.read()
    pusher.client.delete(COMPANION)
    if broken == "list":
        pusher.client.rpush(COMPANION, "x")
    else:
        pusher.client.set(COMPANION, broken)
    for number in range(3):
        pusher.client.lpush(KEY, f"more {number}")
        batch = consumer.read()
        assert (list(batch.records), batch.lost) == ([f"more {number}".encode()], 0)
        assert batch.gap is (number == 0)
        assert batch.totals[COMPANION] is None
    assert not consumer.read().gap


def test_tokens_may_move_alone(pusher: Pusher, consumer: Consumer) -> None:
    pusher.push(5)
    consumer.read()
    pusher.client.incrby(TOKENS, 7)
    batch = consumer.read()
    assert (list(batch.records), batch.totals) == ([], {COMPANION: 0, TOKENS: 7})
    assert consumer.read().totals == {}


def test_an_accumulator_added_later_starts_with_its_value(pusher: Pusher, connection: redis.Redis) -> None:
    consumer = Consumer(counted_list(accumulators=()), connection)
    pusher.push(5)
    consumer.read()
    pusher.push(1)
    consumer.reader = counted_list()
    assert consumer.read().totals == {COMPANION: 1, TOKENS: 60}


def test_a_list_nobody_trims_is_read_in_batches(writer: redis.Redis, connection: redis.Redis) -> None:
    writer.rpush(KEY, *[f"entry {number}" for number in range(12_000, 0, -1)])
    consumer = Consumer(plain_list(), connection)
    consumer.drain()
    assert consumer.emitted == [f"entry {number}".encode() for number in range(2001, 12_001)]
    assert (consumer.lost, consumer.gaps) == (2000, 0)
    writer.lpush(KEY, "one more")
    assert list(consumer.read().records) == [b"one more"]


def test_twenty_entries_of_five_megabytes_stay_on_the_server(writer: redis.Redis, connection: redis.Redis) -> None:
    pusher = Pusher(writer, cap=100, counted=False)
    consumer = Consumer(plain_list(cap=100), connection)
    pusher.push(3)
    consumer.read()
    for number in range(20):
        writer.lpush(KEY, f"{number:02d}".encode() * 2_500_000)
    pusher.push(1)
    seen = list[bytes]()
    tracemalloc.start()
    while True:
        batch = consumer.read()
        seen += [record[:8] for record in texts(batch)]
        assert sum(len(record) for record in batch.records) <= 8 << 20
        consumer.emitted.clear()
        if not batch.more:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == [f"{number:02d}".encode() * 4 for number in range(20)] + [b"entry 3 "]
    assert peak < 40e6
    writer.config_resetstat()
    assert consumer.read().records == []
    assert calls(writer, "lindex") == 1


def test_a_huge_newest_entry_among_small_ones(writer: redis.Redis, connection: redis.Redis) -> None:
    pusher = Pusher(writer, cap=100, counted=False)
    consumer = Consumer(plain_list(cap=100, max_poll_bytes=100_000), connection)
    pusher.push(100)
    consumer.drain()
    for _ in range(3):
        pusher.push(payload=b"x" * 400_000)
        pusher.push(2)
        consumer.drain()
        pusher.push(payload=b"y" * 200_000)
        consumer.drain()
    assert consumer.emitted == pusher.pushed
    assert (consumer.lost, consumer.gaps) == (0, 0)


def test_a_cursor_of_another_version_is_refused(consumer: Consumer) -> None:
    consumer.stored = '{"v": 99}'
    with pytest.raises(StreamError, match="another version"):
        consumer.read()


@pytest.mark.parametrize("wrong", [{"cap": 0}, {"max_batch_records": 0}, {"max_poll_bytes": 0}, {"hash_key": b"short"}])
def test_declarations_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"1 or more|at least 16"):
        counted_list(**wrong)


def test_the_hash_key_is_not_shown() -> None:
    assert "hash_key" not in repr(counted_list())
