"""Security profiles 0 to 3 at a running CPO: who is let in, by which proof, and what the others see of it."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.ocpi.timestamps import utc_now
from partners.cpo.app import CpoNode
from partners.cpo.health.charger_log import Kind
from partners.cpo.security.authority import Authority, NotSigned
from partners.cpo.security.charger_book import Standing
from partners.cpo.security.security_settings import BASIC, MUTUAL_TLS, PENDING, TLS, SecuritySettings
from partners.cpo.security.wrong_passwords import WrongPasswords
from partners.database import Database
from schemas import exact_json
from tests.fixtures.certificates import certificate
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.waiting import until

KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


@asynccontextmanager
async def cpo(folder: Path | None = None, **security: Any) -> AsyncIterator[CpoNode]:
    async with CpoNode(cpo_settings(folder, security=SecuritySettings(**security))) as node:
        yield node


def basic(user: str, password: str | bytes) -> dict[str, str]:
    sent = password if isinstance(password, bytes) else password.encode()
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + sent).decode()}


@asynccontextmanager
async def link(
    node: CpoNode, name: str = "CP1", *, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{node.ocpp_tls_url if tls else node.ocpp_url}/{name}"
    if tls:
        options["ssl"] = tls
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=("ocpp1.6",), **options) as websocket,
    ):
        yield websocket


async def says(
    websocket: aiohttp.ClientWebSocketResponse, action: str, payload: dict[str, Any]
) -> dict[str, Any]:
    await websocket.send_str(exact_json.encode([2, action, action, payload]).decode())
    while True:
        frame = exact_json.decode(await websocket.receive_str(timeout=10))
        if frame[1] == action:
            assert frame[0] == 3, frame
            return frame[2]  # type: ignore[no-any-return]


async def refused(node: CpoNode, name: str = "CP1", **options: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        async with link(node, name, **options):
            pass
    return error.value.status


def everything_in(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


def server(folder: Path) -> dict[str, Any]:
    return {"tls_port": 0, "certificate": certificate(folder)}


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "partner.pem")


class Key:
    """A charger's key, its request, and the certificate that it got."""

    def __init__(self, name: str, organisation: str = "CPO One") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if organisation:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
        request = builder.sign(self._key, hashes.SHA256())
        self.request = request.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, folder: Path, chain: str) -> ssl.SSLContext:
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / "charger.pem"
        file.write_bytes(private + chain.encode())
        context = trusting(folder)
        context.load_cert_chain(file)
        return context


async def test_without_a_profile_a_name_is_enough_and_a_password_counts_where_there_is_one() -> None:
    async with cpo() as node:
        async with link(node) as websocket:
            assert (await says(websocket, "BootNotification", BOOT))["status"] == "Accepted"
        node.doorkeeper.book.set_password("CP2", KEY)
        assert await refused(node, "CP2") == 401
        async with link(node, "CP2", headers=basic("CP2", KEY)):
            pass


@pytest.mark.parametrize("password", [KEY, KEY.upper(), bytes.fromhex(KEY)], ids=["text", "capitals", "key"])
async def test_a_password_is_right_as_text_and_as_the_bytes_that_a_key_of_1_6_stands_for(
    password: str | bytes,
) -> None:
    async with cpo(least=BASIC) as node:
        kept = KEY.upper() if password == KEY.upper() else KEY
        node.doorkeeper.book.set_password("CP1", kept)
        for _ in range(2):  # the second time it is known already
            async with link(node, headers=basic("CP1", password)):
                pass


async def test_who_has_no_password_or_a_wrong_one_or_anothers_is_refused_and_nobody_learns_more() -> None:
    async with cpo(least=BASIC) as node:
        node.doorkeeper.book.set_password("CP1", KEY)
        node.doorkeeper.book.set_password("CP2", KEY[::-1])
        for headers in (
            {},
            {"Authorization": "Basic !"},
            {"Authorization": "Bearer x"},
            basic("CP1", KEY[::-1]),
            basic("CP2", KEY[::-1]),
        ):
            node.doorkeeper.gate._wrong = WrongPasswords(utc_now)
            assert await refused(node, headers=headers) == 401
        assert not node.central_system.is_connected("CP1")


async def test_a_password_is_not_kept_as_it_is(tmp_path: Path) -> None:
    async with cpo(tmp_path, least=BASIC) as node:
        node.doorkeeper.book.set_password("CP1", KEY)
        kept = everything_in(tmp_path)
    assert KEY.encode() not in kept
    assert bytes.fromhex(KEY) not in kept
    async with cpo(tmp_path, least=BASIC) as node, link(node, headers=basic("CP1", KEY)):
        pass


async def test_a_hundred_wrong_passwords_are_slowed_down_and_noted_and_the_true_charger_is_not() -> None:
    async with cpo(least=BASIC) as node:
        node.doorkeeper.book.set_password("CP1", KEY)
        pauses: list[float] = []

        async def slept(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)

        node.doorkeeper.gate._sleep = slept
        async with link(node, headers=basic("CP1", KEY)) as true_one:
            for number in range(100):
                assert await refused(node, headers=basic("CP1", f"wrong {number:012}")) == 401
            assert pauses[0] < pauses[3] < pauses[-1] == 30
            assert sum(pauses) > 1800
            # The link of the true charger was not touched, and it comes back without any wait.
            assert "currentTime" in await says(true_one, "Heartbeat", {})
            count = len(pauses)
            async with link(node, headers=basic("CP1", KEY)):
                pass
            assert len(pauses) == count
        noted = [each for each in node.care.log.newest("CP1", 100) if each.kind is Kind.SECURITY]
        told = [each.detail["what"] for each in noted]
        assert [each.rpartition(", ")[2] for each in told] == ["1 so far", "10 so far", "100 so far"]


def test_what_is_remembered_of_wrong_passwords_is_bounded_and_ends() -> None:
    now = [utc_now()]
    wrong = WrongPasswords(lambda: now[0])
    for number in range(20_000):
        wrong.failed((f"10.0.{number}", "CP1"))
    assert len(wrong._wrong) == 10_000
    attempt = ("10.1.1.1", "CP1")
    for _ in range(1000):
        wrong.failed(attempt)
    assert wrong.pause(attempt) == timedelta(seconds=30)
    now[0] += timedelta(hours=2)
    assert wrong.pause(attempt) == timedelta()


async def test_a_charger_that_nobody_knows_is_refused_or_waits_in_pending_as_is_set() -> None:
    async with cpo() as node:
        assert await refused(node, "STRANGER") == 404
    async with cpo(unknown=PENDING) as node:
        async with link(node, "STRANGER") as websocket:
            assert (await says(websocket, "BootNotification", BOOT))["status"] == "Pending"
            await websocket.send_str('[2,"1","Authorize",{"idTag":"CARD1"}]')
            assert exact_json.decode(await websocket.receive_str())[:3] == [4, "1", "SecurityError"]
            account = node.doorkeeper.book.find("STRANGER")
            assert account is not None
            assert (account.standing, account.model) == (Standing.PENDING, "M")
            node.doorkeeper.book.stand("STRANGER", Standing.ALLOWED)
            assert (await says(websocket, "BootNotification", BOOT))["status"] == "Accepted"
        assert await refused(node, "S" * 49) == 404


async def test_a_blocked_charger_is_put_out_and_let_in_no_more_until_it_is_allowed() -> None:
    async with cpo() as node:
        async with link(node) as websocket, link(node, "CP2") as other:
            await says(websocket, "BootNotification", BOOT)
            await node.doorkeeper.block("CP1")
            assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert "currentTime" in await says(other, "Heartbeat", {})
        assert await refused(node) == 403
        node.doorkeeper.book.stand("CP1", Standing.ALLOWED)
        async with link(node):
            pass


async def test_profile_2_wants_tls_and_a_password(tmp_path: Path) -> None:
    async with cpo(least=TLS, **server(tmp_path)) as node:
        node.doorkeeper.book.set_password("CP1", KEY)
        assert await refused(node, headers=basic("CP1", KEY)) == 403
        assert await refused(node, tls=trusting(tmp_path)) == 401
        async with link(node, tls=trusting(tmp_path), headers=basic("CP1", KEY)) as websocket:
            assert (await says(websocket, "BootNotification", BOOT))["status"] == "Accepted"


async def test_tls_older_than_the_least_is_refused(tmp_path: Path) -> None:
    async with cpo(minimum_tls="1.3", **server(tmp_path)) as node:
        old = trusting(tmp_path)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(aiohttp.ClientError):
            async with link(node, tls=old):
                pass


async def test_a_charger_asks_for_a_certificate_and_comes_by_it_until_it_is_revoked(tmp_path: Path) -> None:
    async with cpo(least=MUTUAL_TLS, **server(tmp_path)) as node:
        assert await refused(node, tls=trusting(tmp_path)) == 401
        key = Key("CP1")
        first = node.doorkeeper.authority.sign("CP1", key.request)
        async with link(node, tls=key.context(tmp_path, first)) as websocket:
            await says(websocket, "BootNotification", BOOT)
            # And a new one by the wire.
            renewed = Key("CP1")
            answer = await says(websocket, "SignCertificate", {"csr": renewed.request})
            assert answer == {"status": "Accepted"}
            _, number, action, payload = exact_json.decode(await websocket.receive_str(timeout=10))
            assert action == "CertificateSigned"
            await websocket.send_str(f'[3,"{number}",{{"status":"Accepted"}}]')
            by_wire = renewed.context(tmp_path, payload["certificateChain"])
            async with link(node, tls=by_wire) as again:
                await says(again, "BootNotification", BOOT)
                assert await node.doorkeeper.revoke("CP1") == 2
                assert (await again.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        assert await refused(node, tls=by_wire) == 403


async def test_the_certificate_of_another_charger_proves_nothing_and_harms_nobody(tmp_path: Path) -> None:
    async with cpo(least=MUTUAL_TLS, **server(tmp_path)) as node:
        mine, theirs = Key("CP1"), Key("CP2")
        context = theirs.context(tmp_path, node.doorkeeper.authority.sign("CP2", theirs.request))
        true_one = mine.context(tmp_path, node.doorkeeper.authority.sign("CP1", mine.request))
        async with link(node, tls=true_one) as websocket:
            assert await refused(node, tls=context) == 403
            assert "currentTime" in await says(websocket, "Heartbeat", {})
        noted = [each for each in node.care.log.newest("CP1", 9) if each.kind is Kind.SECURITY]
        assert "is that of another charger" in noted[0].detail["what"]
        # One of another authority does not even come through TLS.
        foreign = Authority(Database(), utc_now, "CPO One", timedelta(days=1))
        forged = Key("CP1")
        forged_context = forged.context(tmp_path, foreign.sign("CP1", forged.request))
        with pytest.raises(aiohttp.ClientError):
            await link(node, tls=forged_context).__aenter__()


@pytest.mark.parametrize(
    ("name", "organisation"), [("CP2", "CPO One"), ("CP1", "Another CPO"), ("", "CPO One")]
)
def test_a_request_for_somebody_else_is_not_signed(name: str, organisation: str) -> None:
    authority = Authority(Database(), utc_now, "CPO One", timedelta(days=1))
    request = Key(name or "CP9", organisation).request
    with pytest.raises(NotSigned):
        authority.sign("CP1", request if name else "-----BEGIN NONSENSE-----")
    assert authority.certificates("CP1") == []


async def test_a_certificate_that_ends_soon_is_renewed_by_asking_the_charger(tmp_path: Path) -> None:
    async with cpo(life=timedelta(days=20), **server(tmp_path)) as node:
        node.doorkeeper.authority.sign("CP1", Key("CP1").request)
        async with link(node) as websocket:
            await until(lambda: node.central_system.is_connected("CP1"))
            renewing = asyncio.ensure_future(node.doorkeeper.renew())  # noqa: TID251 awaited below
            _, number, action, payload = exact_json.decode(await websocket.receive_str(timeout=10))
            assert (action, payload["key"]) == ("ChangeConfiguration", "CpoName")
            await websocket.send_str(f'[3,"{number}",{{"status":"NotSupported"}}]')
            _, number, action, payload = exact_json.decode(await websocket.receive_str(timeout=10))
            assert (action, payload) == (
                "ExtendedTriggerMessage",
                {"requestedMessage": "SignChargePointCertificate"},
            )
            await websocket.send_str(f'[3,"{number}",{{"status":"Accepted"}}]')
            await renewing
