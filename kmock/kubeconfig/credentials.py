"""From a user of a kubeconfig to a Login, by kubernetes-asyncio's loader and its runner of exec plugins.

What the loader leaves open is done here before it sees the user: relative paths are those of the user's own file,
token files win over tokens and are read anew, both halves of what a plugin gives are used and its time of expiry is
kept, OIDC tokens are refreshed with a verified connection, keys are in files only as long as it takes to load them.

Sources: "Authenticating" in the Kubernetes documentation, and its "Client Authentication (v1)" API reference.
"""

import base64
import binascii
import datetime
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.exec_provider import ExecProvider
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader
from kubernetes_asyncio.config.kube_config import ConfigNode, KubeConfigLoader

from kmock.clock import LoopClock
from kmock.errors import ClusterError
from kmock.kubeconfig.choosing import Choice
from kmock.kubeconfig.files import Entry
from kmock.kubeconfig.oidc import OidcTokens
from kmock.kubeconfig.tls import client_tls, key_folder, read_pem
from kmock.upstream import Login

__all__ = ['KubeconfigLogIn', 'ServiceAccountLogIn', 'basic']

_TOKEN_FILE_LIFE = datetime.timedelta(seconds=60)
"""How long a token out of a file is used before the file is read again; as client-go does."""


def basic(user: str, password: str) -> str:
    """The value of Authorization for basic authentication."""
    return 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode('ascii')


class KubeconfigLogIn:
    """Logs in as the user of a kubeconfig; each call does it anew."""

    def __init__(self, choice: Choice) -> None:
        self._cluster = choice.cluster
        self._user = choice.user or Entry(kind='user', name='', value={}, path=choice.cluster.path)
        self._oidc: OidcTokens | None = None
        self._material: tuple[object, ...] = ()
        self._tls: ssl.SSLContext | None = None
        provider = self._user.value.get('auth-provider')
        if provider:
            named = provider.get('name') if isinstance(provider, Mapping) else provider
            if named != 'oidc':
                raise ClusterError(f'{self._user}: the auth-provider {named} is not supported. Use its exec plugin.')
            self._oidc = OidcTokens(self._user)

    @property
    def renewable(self) -> bool:
        """Whether another call can give anything else."""
        return any(self._user.value.get(key) for key in ('exec', 'tokenFile', 'auth-provider'))

    async def __call__(self) -> Login:
        """Raises ClusterError: a file is missing or broken, or a plugin or provider gives no credentials."""
        user = dict(self._user.value)
        expires = await self._resolve(user)
        with key_folder() as folder:
            cluster = dict(self._cluster.value)
            files = {
                'ca': self._material_file(folder, self._cluster, cluster, 'certificate-authority'),
                'cert': self._material_file(folder, self._user, user, 'client-certificate'),
                'key': self._material_file(folder, self._user, user, 'client-key'),
            }
            loaded = await self._load(cluster, user)
            if str(cluster['server']).startswith('https'):
                self._update_tls(files, insecure=loaded.verify_ssl is False)
        token = loaded.api_key.get('BearerToken')
        return Login(authorization=token, tls=self._tls, given=bool(token or files['cert']), expires=expires)

    async def _load(self, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> SimpleNamespace:
        """What the loader makes of it: attributes as of kubernetes-asyncio's Configuration."""
        config = {
            'current-context': 'one',
            'contexts': [{'name': 'one', 'context': {'cluster': 'one', 'user': 'one'}}],
            'clusters': [{'name': 'one', 'cluster': cluster}],
            'users': [{'name': 'one', 'user': user}],
        }
        loaded = SimpleNamespace(api_key={}, verify_ssl=True)
        try:
            await KubeConfigLoader(config).load_and_set(loaded)
        except (ConfigException, OSError, ValueError, TypeError, KeyError, AssertionError) as exc:
            raise ClusterError(f'{self._user}: no log-in: {_line(exc)}') from exc
        return loaded

    async def _resolve(self, user: dict[str, Any]) -> datetime.datetime | None:
        """Replace what has to be asked for by what it gives; return when that expires."""
        if self._oidc is not None:
            user['token'], expires = await self._oidc.token()
            del user['auth-provider']
            return expires
        if (path := self._user.file('tokenFile')) is not None:
            user['token'] = read_token(str(self._user), path)
            del user['tokenFile']
            return LoopClock().wall() + _TOKEN_FILE_LIFE
        if user.get('exec'):
            status = await self._run_plugin(user.pop('exec'))
            return self._take(status, user)
        if (token := self._user.text('token')) is not None:
            user['token'] = token.strip()
        return None

    async def _run_plugin(self, settings: Any) -> Mapping[str, Any]:
        if not isinstance(settings, Mapping):
            raise ClusterError(f'{self._user}: exec must be a mapping.')
        command = self._user.text('command', settings)
        if command is None:
            raise ClusterError(f'{self._user}: exec has no command.')
        if '/' in command:
            command = str(self._user.file('command', settings))
        where = f'{self._user}: exec plugin {command}'
        try:
            status = await ExecProvider(ConfigNode('exec', {**settings, 'command': command})).run()
        except FileNotFoundError as exc:
            hint = ' '.join(str(settings.get('installHint') or 'Install it, or mend PATH.').split())
            raise ClusterError(f'{where} is not found. {hint}') from exc
        except (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ClusterError(f'{where} gave no credentials: {_line(exc)}') from exc
        if not isinstance(status, Mapping) or not (status.get('token') or status.get('clientCertificateData')):
            raise ClusterError(
                f'{where} gave no credentials: neither a token nor a client certificate is in its answer.'
            )
        return status

    def _take(self, status: Mapping[str, Any], user: dict[str, Any]) -> datetime.datetime | None:
        if status.get('token'):
            user['token'] = str(status['token']).strip()
        if status.get('clientCertificateData'):
            for key, given in ('client-certificate', 'clientCertificateData'), ('client-key', 'clientKeyData'):
                user.pop(key, None)
                user[f'{key}-data'] = base64.b64encode(str(status.get(given) or '').encode()).decode('ascii')
        stamp = status.get('expirationTimestamp')
        if not stamp:
            return None
        try:
            expires = datetime.datetime.fromisoformat(stamp)
        except (ValueError, TypeError) as exc:
            raise ClusterError(
                f'{self._user}: exec plugin: expirationTimestamp {stamp!r} is no RFC 3339 time.'
            ) from exc
        return expires if expires.tzinfo else expires.replace(tzinfo=datetime.UTC)

    def _material_file(self, folder: Path, entry: Entry, source: dict[str, Any], key: str) -> Path | None:
        """Put a certificate or key, inline or in a file, into a file for the moment; `source` then names that."""
        data = entry.text(f'{key}-data', source)
        if data is not None:
            try:
                content = base64.b64decode(''.join(data.split()), validate=True)
            except (binascii.Error, ValueError) as exc:
                raise ClusterError(f'{entry}: {key}-data is no base64: {exc}.') from exc
        elif (path := entry.file(key, source)) is not None:
            content = read_pem(f'{entry}: {key}', path)
        else:
            return None
        copy = folder / key
        copy.touch(mode=0o600)
        copy.write_bytes(content)
        source.pop(f'{key}-data', None)
        source[key] = str(copy)
        return copy

    def _update_tls(self, files: Mapping[str, Path | None], *, insecure: bool) -> None:
        """The same settings object as long as nothing has changed, so that connections are kept."""
        material = (insecure, *(None if path is None else path.read_bytes() for path in files.values()))
        if self._tls is None or material != self._material:
            self._tls = client_tls(
                **files,
                insecure=insecure,
                ca_name=f'{self._cluster}: certificate-authority',
                cert_name=f'{self._user}: client-certificate and client-key',
            )
            self._material = material


class ServiceAccountLogIn:
    """Logs in as the service account of the pod that this runs in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tls: ssl.SSLContext | None = None

    async def __call__(self) -> Login:
        """Raises ClusterError: the pod has no usable service account."""
        loaded: Any = SimpleNamespace(api_key={})
        token, ca = self._folder / 'token', self._folder / 'ca.crt'
        try:
            InClusterConfigLoader(str(token), str(ca), try_refresh_token=False).load_and_set(loaded)
        except (ConfigException, OSError, ValueError) as exc:
            raise ClusterError(f'{self._folder}: the service account of this pod is not usable: {_line(exc)}') from exc
        if self._tls is None:
            self._tls = client_tls(ca=Path(loaded.ssl_ca_cert))
        expires = LoopClock().wall() + _TOKEN_FILE_LIFE
        return Login(authorization=loaded.api_key['BearerToken'].strip(), tls=self._tls, given=True, expires=expires)


def read_token(where: str, path: Path) -> str:
    """The token in a file. Raises ClusterError if there is none."""
    try:
        token = path.read_text().strip()
    except (OSError, ValueError) as exc:
        raise ClusterError(
            f'{where}: tokenFile {path} can not be read: {getattr(exc, "strerror", None) or exc}.'
        ) from exc
    if not token or any(ord(char) < 33 for char in token):
        raise ClusterError(f'{where}: there is no token in tokenFile {path}.')
    return token


def _line(exc: BaseException) -> str:
    text = ' '.join(str(exc).split())[:500].rstrip('.')
    kind = '' if isinstance(exc, ConfigException) else f'{type(exc).__name__}: '
    return f'{kind}{text}.'
