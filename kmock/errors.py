"""Every public exception. One root, and one kind for each decision that a caller makes.

KMockError                  anything that kmock itself refuses or reports
├── NoAnswerError           nobody in the chain knew the request (also a NotImplementedError)
├── UnmatchedError          a replay without a fallback has no recorded answer for the request
├── LimitError              a limit was reached: the number of requests, the size of a body
├── CassetteError           a cassette can't be read or written: foreign, newer, broken, full disk
├── ClusterError            the cluster to record can't be found or logged in to: kubeconfig, credentials
└── UpstreamError           the upstream can't be reached, or left before it answered
"""

__all__ = [
    'CassetteError',
    'ClusterError',
    'KMockError',
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
