"""Tokens of OpenID Connect as kubeconfigs hold them (`auth-provider: oidc`), refreshed when they expire.

kubernetes-asyncio's own refresh does not verify whom it gives the secrets to, so it is done here.
Sources: RFC 6749, section 6 (refreshing), RFC 7519 (the `exp` of a JWT), OpenID Connect Discovery 1.0, section 4.
"""

import base64
import datetime
import json
import logging
import ssl
import urllib.parse
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from kmock.clock import LoopClock
from kmock.errors import ClusterError
from kmock.kubeconfig.files import Entry
from kmock.kubeconfig.tls import client_tls, key_folder

__all__ = ['OidcTokens']

logger = logging.getLogger(__name__)

_EARLY = datetime.timedelta(seconds=60)
_SECONDS = 30.0


class OidcTokens:
    """The id-token of a user of a kubeconfig, and the refresh-token to get the next one with."""

    def __init__(self, user: Entry) -> None:
        self._user = user
        config = user.value['auth-provider'].get('config')
        self._config: dict[str, Any] = dict(config) if isinstance(config, dict) else {}
        self._handed_out: str | None = None

    async def token(self) -> tuple[str, datetime.datetime | None]:
        """A token, and when it expires. One that was handed out before is not enough: there is a reason to ask again.

        Raises:
            ClusterError: there is none, and none can be had.
        """
        token = self._text('id-token')
        fresh = token is not None and token != self._handed_out and not _is_over(_expiry(token))
        if not fresh:
            token = await self._refresh()
        assert token is not None
        self._handed_out = token
        return token, _expiry(token)

    def _text(self, key: str) -> str | None:
        return self._user.text(key, self._config)

    async def _refresh(self) -> str:
        refresh_token, issuer = self._text('refresh-token'), self._text('idp-issuer-url')
        if refresh_token is None or issuer is None:
            raise ClusterError(f'{self._user}: the OIDC token has expired, and there is no refresh-token. Log in anew.')
        try:
            answer = await self._ask(issuer.rstrip('/'), refresh_token)
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as exc:
            text = ' '.join(str(exc).split())[:300]
            cause = f'{type(exc).__name__}: {text}'
            raise ClusterError(f'{self._user}: {issuer} did not refresh the OIDC token: {cause}') from exc
        self._config['id-token'] = answer['id_token']
        rotated = answer.get('refresh_token') or refresh_token
        if rotated != refresh_token:
            self._config['refresh-token'] = rotated
            try:
                self._save()
            except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as exc:
                # This log-in is good all the same; it is the next one, of whatever client, that lacks the token.
                text = ' '.join(str(exc).split())[:300]
                logger.warning('%s: the new refresh-token can not be kept, log in anew later: %s', self._user, text)
        return str(answer['id_token'])

    async def _ask(self, issuer: str, refresh_token: str) -> dict[str, Any]:
        tls, timeout = self._tls(), aiohttp.ClientTimeout(total=_SECONDS)
        client, secret = self._text('client-id') or '', self._text('client-secret') or ''
        pair = ':'.join(urllib.parse.quote_plus(each) for each in (client, secret))
        headers = {'Authorization': 'Basic ' + base64.b64encode(pair.encode()).decode('ascii')}
        form = {'grant_type': 'refresh_token', 'refresh_token': refresh_token}
        async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:
            async with session.get(f'{issuer}/.well-known/openid-configuration', ssl=tls) as response:
                endpoint = (await response.json(content_type=None))['token_endpoint']
            async with session.post(endpoint, ssl=tls, data=form, headers=headers) as response:
                answer: dict[str, Any] = await response.json(content_type=None)
        if not answer.get('id_token'):
            raise ValueError('there is no id_token in the answer')
        return answer

    def _tls(self) -> ssl.SSLContext:
        data = self._text('idp-certificate-authority-data')
        ca = self._user.file('idp-certificate-authority', self._config)
        with key_folder() as folder:
            if data is not None:
                ca = folder / 'ca'
                ca.write_bytes(base64.b64decode(data))
            return client_tls(ca=ca, ca_name=f'{self._user}: idp-certificate-authority')

    def _save(self) -> None:
        """Keep the tokens in the kubeconfig: the provider has made the old refresh-token useless for others, too."""
        path = self._user.path
        content = yaml.safe_load(path.read_bytes())
        for item in content['users']:
            if item['name'] == self._user.name:
                item['user']['auth-provider']['config'].update(self._config)
        _replace(path, yaml.safe_dump(content, sort_keys=False).encode())


def _replace(path: Path, content: bytes) -> None:
    """Replace a file as a whole, or not at all. A link stays one."""
    path = path.resolve()
    draft = path.with_name(f'.{path.name}.kmock')
    try:
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _expiry(token: str) -> datetime.datetime | None:
    """When a JWT expires; None for anything else."""
    parts = token.split('.')
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + '=' * (-len(parts[1]) % 4)))
        return datetime.datetime.fromtimestamp(claims['exp'], tz=datetime.UTC)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _is_over(expires: datetime.datetime | None) -> bool:
    return expires is not None and expires <= LoopClock().wall() + _EARLY
