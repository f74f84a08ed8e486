"""URLs that are texts, for `+`, formatting and any HTTP library, and have what yarl.URL has besides."""

from typing import Any

import yarl
from yaml.representer import Representer, SafeRepresenter

__all__ = ['TextURL']


class TextURL(str):
    """A URL as text: `f'{url}/path'`; with the operator and the attributes of yarl.URL: `url / 'path'`, `url.host`.

    Where both types have a name (`join`, `%`), it is that of texts. It equals the text as well as the URL.
    """

    __slots__ = ()

    def __truediv__(self, name: str) -> yarl.URL:
        return yarl.URL(str(self)) / name

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')
        return getattr(yarl.URL(str(self)), name)

    def __eq__(self, other: object) -> bool:
        return yarl.URL(str(self)) == other if isinstance(other, yarl.URL) else str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


# To PyYAML, types that it does not know are no data, though they be texts; tests write URLs into configurations.
for representer in (SafeRepresenter, Representer):
    representer.add_representer(TextURL, SafeRepresenter.represent_str)
