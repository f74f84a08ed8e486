"""The answers to requests that failed: a Status in the wanted media type, or the plain text of the real server."""

from kmock.kube.media.negotiation import encode, error_media
from kmock.kube.statuses import StatusError, status_body
from kmock.messages import Answer, Request

__all__ = ['failure_answer']


def failure_answer(request: Request, error: StatusError) -> Answer:
    """The answer to a request that failed."""
    if error.plain is not None:
        plain = (('Content-Type', 'text/plain; charset=utf-8'), ('X-Content-Type-Options', 'nosniff'))
        return Answer(status=error.status, headers=plain, body=error.plain.encode())
    media = error_media(request.headers.get('Accept'))
    headers = (('Content-Type', media), ('Cache-Control', 'no-cache, private'), *error.headers)
    return Answer(status=error.status, headers=headers, body=encode(status_body(error), media))
