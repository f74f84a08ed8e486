"""Every public exception. One root, and one kind for each decision that a caller makes.

KMockError                  anything that kmock itself refuses or reports
├── NoAnswerError           nobody in the chain knew the request (also a NotImplementedError)
├── UnmatchedError          a replay without a fallback has no recorded answer for the request
├── LimitError              a limit was reached: the number of requests
│   └── BodyTooLongError    the body of a request is longer than `max_body`
├── CassetteError           a cassette can't be read or written: foreign, newer, broken, full disk
├── ClusterError            the cluster to record can't be found or logged in to: kubeconfig, credentials
├── UpstreamError           the upstream can't be reached, or left before it answered
└── KubernetesError         what a Kubernetes API answers instead of an object: a Status
    └── KubernetesNotFoundError, and of it KubernetesEndpointNotFoundError, KubernetesResourceNotFoundError,
        KubernetesObjectNotFoundError
"""

from typing import Any

__all__ = [
    'BodyTooLongError',
    'CassetteError',
    'ClusterError',
    'KMockError',
    'KubernetesEndpointNotFoundError',
    'KubernetesError',
    'KubernetesNotFoundError',
    'KubernetesObjectNotFoundError',
    'KubernetesResourceNotFoundError',
    'LimitError',
    'NoAnswerError',
    'UnmatchedError',
    'UpstreamError',
]


class KMockError(Exception):
    """The root of all errors of kmock. Its text says what happened, with what value, and how to mend it."""


class NoAnswerError(KMockError, NotImplementedError):
    """No rule, cassette or cluster in the chain answers the request."""


class UnmatchedError(KMockError):
    """A replay that may not fall back has no recorded exchange for the request."""


class LimitError(KMockError):
    """A limit was reached; the message names the limit and the option that raises it."""


class BodyTooLongError(LimitError):
    """The body of a request is longer than the handler's `max_body`."""


class CassetteError(KMockError):
    """A cassette can't be read or written; the message names the file and what is wrong with it."""


class ClusterError(KMockError):
    """The wanted cluster can't be found in the kubeconfig, or its credentials can't be obtained."""


class UpstreamError(KMockError):
    """The upstream gave no answer: unreachable, refused, or closed before the response.

    Attributes:
        reset: whether the connection was reset rather than closed.
    """

    def __init__(self, message: str, *, reset: bool = False) -> None:
        super().__init__(message)
        self.reset = reset


class KubernetesError(KMockError):
    """Raised anywhere while a request is answered (as a payload, in a callable), it answers a Kubernetes Status.

    Args:
        status: the HTTP status, from 400 to 599; it is also the Status's `code`.
        reason: the machine-readable word of the Status, e.g. `Conflict`; None for the usual one of the code.
        message: for people; None for a general one.
        details: the Status's `details`, any JSON.
    """

    def __init__(
        self, status: int = 500, reason: str | None = None, message: str | None = None, details: Any = None
    ) -> None:
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f'{status!r} is no HTTP status of an error: it must be a number from 400 to 599.')
        super().__init__(message or reason or f'HTTP {status}')
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details

    def __repr__(self) -> str:
        said = {'status': self.status, 'reason': self.reason, 'message': self.message, 'details': self.details}
        return f'{type(self).__name__}({", ".join(f"{key}={value!r}" for key, value in said.items() if value)})'


class KubernetesNotFoundError(KubernetesError):
    """Something in the URL is not there."""

    _message = 'the server could not find the requested resource'

    def __init__(
        self, details: Any = None, status: int = 404, reason: str = 'NotFound', message: str | None = None
    ) -> None:
        super().__init__(status, reason, message or self._message, details)


class KubernetesEndpointNotFoundError(KubernetesNotFoundError):
    """The URL is none of the API."""


class KubernetesResourceNotFoundError(KubernetesNotFoundError):
    """No such resource type is served."""


class KubernetesObjectNotFoundError(KubernetesNotFoundError):
    """The resource type is served, but has no such object."""

    _message = 'the object was not found'
