"""Nothing that opens a door is ever written down: not in the journal, not in the log (design D10)."""

import io
from pathlib import Path

from sqlalchemy import text

from hub.store.database import opened
from hub.store.tables import JournalRow
from hub.web.app import running_hub
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, LOCATION, settings

STOP_SESSION = {"session_id": "S1"}


async def test_no_token_and_no_link_is_in_journal_or_log(tmp_path: Path) -> None:
    """Two handshakes, a rotation, a command with its result by way of a link, and a page with its link."""
    log = io.StringIO()
    async with (
        running_hub(settings(tmp_path), log=log) as hub,
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
    ):
        invitation = await hub.platforms.invite("cpo")
        assert (await cpo.register(hub.versions_url, invitation.token)).code == 1000
        token_a = emsp.accept_new_token()
        await hub.registering.register_at("emsp", emsp.versions_url, token_a)
        tokens = {invitation.token, token_a, cpo.outbound_token, emsp.outbound_token}
        await hub.registering.update_at("emsp")
        tokens.add(emsp.outbound_token)

        base = f"{hub.public_url}/ocpi/2.2.1"
        command = STOP_SESSION | {"response_url": f"{emsp.url}/partner/results/1?token=secret-of-the-emsp"}
        cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 30}))
        started = await emsp.call(
            "POST", f"{base}/receiver/commands/STOP_SESSION", command, to=CPO, sender=EMSP
        )
        assert started.code == 1000, started.body
        link = cpo.all("POST", "/commands/")[-1].value["response_url"]
        assert link.startswith(f"{base}/via/")
        done = await cpo.call("POST", link, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
        assert done.code == 1000, done.body

        following = cpo.endpoint("locations", "SENDER") + "?offset=1&limit=1"
        page = Reply([LOCATION], headers={"Link": f'<{following}>; rel="next"'})
        cpo.answers("GET", "/sender/locations", page)
        answer = await emsp.call("GET", f"{base}/sender/locations?limit=1", to=CPO, sender=EMSP)
        assert "/via/" in answer.headers["Link"], answer.body
        tokens |= {received.token for received in (*cpo.received, *emsp.received)}

    async with opened(settings(tmp_path).database_url) as database, database.reading() as connection:
        journal = (await connection.execute(JournalRow.__table__.select())).all()
        links = (await connection.execute(text("SELECT token FROM link"))).scalars().all()
    assert len(links) == 2
    assert {"handshake", "relay"} <= {leg.purpose for leg in journal}
    written = f"{journal}{log.getvalue()}"
    assert "/via/" in written
    assert any(f"/via/{link[:6]}…" in written for link in links)
    # A, B and C of each, and a new B and C of one.
    assert len(set(filter(None, tokens))) == 8
    for secret in [*links, *filter(None, tokens), "secret-of-the-emsp"]:
        assert secret not in written
