"""What the command line may ask about chargers as those who connect."""

from typing import Any

from hub.ocpi.timestamps import format_timestamp
from partners.administration import AdminHandlers, AdminRequest, NotPossible
from partners.cpo.charging_log import ChargingLog
from partners.cpo.questions import Setting
from partners.cpo.security.charger_book import ChargerAccount, Standing
from partners.cpo.security.doorkeeper import Doorkeeper
from partners.cpo.security.passwords import LONGEST, SHORTEST, new_password
from partners.ocpp.link import Unanswered

#: 1.6: hexadecimal digits of what is sent; 2.x: what is sent.
_PASSWORD = Setting("AuthorizationKey", "SecurityCtrlr", "BasicAuthPassword")
_LONGEST_NAME = 48


class SecurityAdministration:
    """The handlers."""

    def __init__(self, doorkeeper: Doorkeeper, charging_log: ChargingLog) -> None:
        self._doorkeeper = doorkeeper
        self._charging_log = charging_log

    def handlers(self) -> AdminHandlers:
        """By method and path."""
        return {
            "GET /accounts": self._all,
            "GET /accounts/{charge_point}": self._one,
            "POST /accounts/{charge_point}": self._add,
            "PUT /accounts/{charge_point}/password": self._set_password,
            "PUT /accounts/{charge_point}/standing": self._stand,
            "POST /accounts/{charge_point}/certificate": self._renew,
            "DELETE /accounts/{charge_point}/certificates": self._revoke,
            "GET /authority": self._authority,
        }

    async def _all(self, _request: AdminRequest) -> Any:
        return [self._told(each) for each in self._doorkeeper.book.all()]

    async def _one(self, request: AdminRequest) -> Any:
        return self._told(self._account(request))

    async def _add(self, request: AdminRequest) -> Any:
        name, book = request.text("charge_point"), self._doorkeeper.book
        found = book.find(name)
        if found is not None and found.standing is not Standing.PENDING and found.password is not None:
            raise NotPossible(f"there is a charger {name} already")
        mixed_up = any(each.id != name and each.id.casefold() == name.casefold() for each in book.all())
        if len(name) > _LONGEST_NAME or mixed_up:
            raise NotPossible("expected at most 48 characters, and another name than the others but for case")
        password = _password(request)
        book.set_password(name, password)
        return {**self._told(book.stand(name, Standing.ALLOWED)), "password": password}

    async def _set_password(self, request: AdminRequest) -> Any:
        account, password = self._account(request), _password(request)
        if request.value.get("tell_charger") is True:
            await self._tell(account.id, password)
        return {
            **self._told(self._doorkeeper.book.set_password(account.id, password)),
            "password": password,
        }

    async def _tell(self, charger: str, password: str) -> None:
        """Set it at the charger first: what it does not take must not become right here."""
        chargers = self._doorkeeper.chargers
        version = chargers.version(charger)
        is_hex = version is None or not version.is_1_6 or _is_hex(password)
        sent = password if is_hex else password.encode().hex()
        try:
            word = await chargers.change_setting(charger, _PASSWORD, sent)
        except Unanswered as error:
            raise NotPossible(f"{charger} did not take the password: {error!r}") from error
        if word not in {"Accepted", "RebootRequired"}:
            raise NotPossible(f"{charger} did not take the password: {word}")

    async def _stand(self, request: AdminRequest) -> Any:
        account = self._account(request)
        try:
            standing = Standing(request.text("standing"))
        except ValueError as error:
            raise NotPossible(f"standing: expected one of {', '.join(Standing)}") from error
        if standing is Standing.BLOCKED:
            await self._doorkeeper.block(account.id)
        else:
            self._doorkeeper.book.stand(account.id, standing)
        return self._told(self._account(request))

    async def _renew(self, request: AdminRequest) -> Any:
        account = self._account(request)
        outcome = await self._doorkeeper.ask_for_request(account.id)
        return {**self._told(account), "outcome": outcome.value}

    async def _revoke(self, request: AdminRequest) -> Any:
        account = self._account(request)
        count = await self._doorkeeper.revoke(account.id)
        return {**self._told(account), "revoked": count}

    async def _authority(self, _request: AdminRequest) -> Any:
        return {"certificate": self._doorkeeper.authority.pem}

    def _account(self, request: AdminRequest) -> ChargerAccount:
        name = request.text("charge_point")
        account = self._doorkeeper.book.find(name)
        if account is None:
            raise NotPossible(f"there is no charger {name}")
        return account

    def _told(self, account: ChargerAccount) -> dict[str, Any]:
        return {
            "id": account.id,
            "standing": account.standing.value,
            "has_password": account.password is not None,
            "is_connected": self._doorkeeper.chargers.is_connected(account.id),
            "model": self._charging_log.model(account.id),
            "onboarded_at": account.onboarded_at,
            "findings": list(account.findings),
            "certificates": [
                {
                    "serial": each.serial,
                    "not_after": format_timestamp(each.not_after),
                    "is_revoked": each.is_revoked,
                }
                for each in self._doorkeeper.authority.certificates(account.id)
            ],
        }


def _password(request: AdminRequest) -> str:
    password = request.value.get("password") or new_password()
    is_text = isinstance(password, str) and password.isprintable() and ":" not in password
    if not is_text or not SHORTEST <= len(password) <= LONGEST:
        raise NotPossible(f"password: expected {SHORTEST} to {LONGEST} characters, and no colon")
    return str(password)


def _is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and all(each in "0123456789abcdefABCDEF" for each in text)
