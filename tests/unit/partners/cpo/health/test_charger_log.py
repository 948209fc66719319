"""The log of each charger: in order, bounded, and honest about what nobody saw."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from partners.cpo.configuration import Plug
from partners.cpo.health.charger_log import ChargerLog, Kind
from partners.database import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHOLE, FIRST = Plug("CP1", 0), Plug("CP1", 1)


def test_lines_come_back_as_they_were_written_in_order_of_time() -> None:
    log = ChargerLog(Database())
    log.put(FIRST, NOW, Kind.SESSION_ENDED, wh=Decimal("1234.5"), reason=None)
    log.put(WHOLE, NOW - HOUR, Kind.CONNECTED)
    log.put(Plug("CP2", 1), NOW, Kind.STATUS, status="Faulted")
    first, second = log.between("CP1", NOW - HOUR, NOW + HOUR, (Kind.CONNECTED, Kind.SESSION_ENDED))
    assert (first.kind, second.kind) == (Kind.CONNECTED, Kind.SESSION_ENDED)
    assert second.detail == {"wh": Decimal("1234.5")}
    assert log.first("CP1") == NOW - HOUR
    assert log.first("CP3") is None


def test_what_is_old_is_dropped_but_for_the_last_word_about_each_link_and_connector() -> None:
    log = ChargerLog(Database())
    log.put(WHOLE, NOW, Kind.CONNECTED)
    log.put(FIRST, NOW, Kind.STATUS, status="Available")
    log.put(FIRST, NOW + HOUR, Kind.STATUS, status="Faulted")
    log.put(WHOLE, NOW + HOUR, Kind.BOOTED)
    log.put(FIRST, NOW + 9 * HOUR, Kind.STATUS, status="Available")
    assert log.forget(NOW + 2 * HOUR) == 2
    assert [(each.kind, each.detail) for each in log.newest("CP1", 9)] == [
        (Kind.CONNECTED, {}),
        (Kind.STATUS, {"status": "Faulted"}),
        (Kind.STATUS, {"status": "Available"}),
    ]


def test_after_a_crash_links_ended_when_the_node_was_last_known_to_run() -> None:
    log = ChargerLog(Database())
    log.put(WHOLE, NOW, Kind.CONNECTED)
    log.put(Plug("CP2", 0), NOW, Kind.CONNECTED)
    log.put(Plug("CP2", 0), NOW + HOUR, Kind.DISCONNECTED)
    log.mark(NOW + 2 * HOUR)
    log.resume(["CP1", "CP2", "CP3"], NOW + 5 * HOUR)
    last = log.newest("CP1", 1)[0]
    assert (last.kind, last.at) == (Kind.DISCONNECTED, NOW + 2 * HOUR)
    assert log.newest("CP2", 1)[0].at == NOW + HOUR
    assert log.newest("CP3", 1) == []
