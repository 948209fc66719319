"""What the command line may ask about chargers as those who connect."""

import string
from typing import Any, Final

from hub.ocpi.timestamps import format_timestamp
from partners.administration import AdminHandlers, AdminRequest, NotPossible
from partners.cpo.charging.charging_log import ChargingLog
from partners.cpo.security.charger_book import ChargerAccount, Standing
from partners.cpo.security.doorkeeper import Doorkeeper
from partners.cpo.security.passwords import LONGEST, SHORTEST, new_password
from partners.cpo.stations.questions import Setting
from partners.ocpp.link import NoAnswer, Refused, Unanswered

#: 1.6: hexadecimal digits of what is sent; 2.x: what is sent.
_PASSWORD = Setting("AuthorizationKey", "SecurityCtrlr", "BasicAuthPassword")
_KEY_LENGTHS: Final = range(32, 41, 2)
_LONGEST_NAME: Final = 48
#: Passwords that a charger may have taken, or not.
_MOST_OFFERED: Final = 3


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
        if request.value.get("tell_charger") is not True:
            told = self._told(self._doorkeeper.book.set_password(account.id, password))
            return {**told, "password": password}
        said = await self._tell(account, password)
        return {**self._told(self._account(request)), "password": password, "charger": said}

    async def _tell(self, account: ChargerAccount, password: str) -> str:
        """Set it at the charger; what it said. Whatever happens, what it has then is right here."""
        charger, book, chargers = account.id, self._doorkeeper.book, self._doorkeeper.chargers
        if not chargers.is_connected(charger):
            raise NotPossible(f"{charger} is not connected: nothing was changed")
        if len(account.offered) >= _MOST_OFFERED:
            raise NotPossible(
                f"{charger} has shown none of the last {_MOST_OFFERED} passwords that it was told;"
                " set one without --tell, and the same at the charger"
            )
        version = chargers.version(charger)
        sent = _as_key(password) if version is not None and version.is_1_6 else password
        # It may come back with it before its answer has been read here.
        kept = book.offer_password(charger, password)
        try:
            word = await chargers.change_setting(charger, _PASSWORD, sent)
        except NoAnswer:
            return "has not answered: the old password and this one are right until it shows this one"
        except Unanswered as error:
            # A fault of its own says nothing about what it has now: then this one stays right as well.
            if not isinstance(error, Refused) or error.is_for_want_of_support:
                book.refused_password(charger, kept)
            raise NotPossible(f"{charger} did not take the password: {error!r}") from error
        if word == "RebootRequired":
            return "takes it when it boots: the old password is right until then"
        if word != "Accepted":
            book.refused_password(charger, kept)
            raise NotPossible(f"{charger} did not take the password: {word}")
        book.has_password(charger, kept)
        return "has taken it"

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
            "awaits_boot": list(self._doorkeeper.reboots.awaited(account.id).settings),
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


def _as_key(password: str) -> str:
    """An AuthorizationKey: 16 to 20 bytes in hexadecimal, which stand for the text if it is none itself."""
    if len(password) in _KEY_LENGTHS and set(password) <= set(string.hexdigits):
        return password
    key = password.encode().hex()
    if len(key) not in _KEY_LENGTHS:
        raise NotPossible("password: OCPP 1.6 takes 32 to 40 hexadecimal digits, or 16 to 20 characters")
    return key
