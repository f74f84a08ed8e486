"""Admission webhooks: whom a write is shown to, and what becomes of it. The calls themselves are handed in.

The matching stands in admission_hooks.py, the reading of answers in admission_answers.py.
Sources: the Kubernetes documentation, "Dynamic Admission Control"; messages observed on a real v1.36 API server.

Mutating webhooks are called one by one, in the order of their configurations' names; each sees what the ones before
have made of the object. Those with `reinvocationPolicy: IfNeeded` are called once more if the object was changed
after them. Validating webhooks are called all at once.
"""

import asyncio
import dataclasses
import json
import urllib.parse
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from kmock.kube.admission.answers import Answered, FailedCallError, denial, read_answer, review_version
from kmock.kube.admission.hooks import (
    MUTATING,
    VALIDATING,
    Hook,
    Review,
    converted,
    hooks_of,
    request_of,
    selects,
    target_of,
)
from kmock.kube.admission.match_conditions import evaluate_condition
from kmock.kube.definitions import Definition, Json
from kmock.kube.patching.patches import FailedPatchError, json_patch
from kmock.kube.statuses import StatusError, bad_request, forbidden, go_quote, internal
from kmock.naming import Resource

__all__ = ['Admission', 'Condition', 'Review', 'WebhookCall']

WebhookCall: TypeAlias = Callable[..., Awaitable[tuple[int, bytes]]]
"""`await call(url, body, *, ca, timeout, address)` posts JSON, and gives the status and the body of the response.

`ca` is PEM or None; `timeout` is in seconds; `address` is (host, port) where to connect in place of the URL's host,
whose name still has to be in the certificate; None for the host itself.
It raises an OSError (TimeoutError, ConnectionError, ssl.SSLError) whose text is for people.
"""

Condition: TypeAlias = Callable[[str, Mapping[str, Any]], bool]
"""Evaluates a CEL expression with the variables `object`, `oldObject`, `request`; raises ValueError when it can't."""

_SERVICES = Resource('', 'v1', 'services')


class Admission:
    """The admission webhooks of a cluster.

    Args:
        read: gives the stored objects of a resource type: webhook configurations, services.
        call: posts to a webhook.
        namespace: gives a namespace by its name, or None.
        versions: gives all served versions of the same resource type; for the match policy `Equivalent`.
        condition: evaluates match conditions.
        configured: whether there are configurations at all; it is asked at each write, so it must be quick.
    """

    def __init__(
        self,
        read: Callable[[Resource], Iterable[Json]],
        call: WebhookCall,
        namespace: Callable[[str], Json | None],
        *,
        versions: Callable[[Resource], Iterable[Definition]] = lambda _: (),
        condition: Condition = evaluate_condition,
        configured: Callable[[], bool] | None = None,
    ) -> None:
        self._read = read
        self._call = call
        self._namespace = namespace
        self._versions = versions
        self._condition = condition
        self._configured = configured

    @property
    def active(self) -> bool:
        """Whether there is any webhook configuration; while not, there is nothing to be asked."""
        if self._configured is not None:
            return self._configured()
        return any(True for resource in (MUTATING, VALIDATING) for _ in self._read(resource))

    async def mutate(self, review: Review) -> tuple[Json | None, list[str]]:
        """Let the mutating webhooks change the object; give what has become of it, and their warnings.

        Raises:
            StatusError: a webhook denied the request, or failed and may not; the Status is what clients get.
        """
        warnings: list[str] = []
        hooks = list(hooks_of(self._read(MUTATING)))
        invoked: set[tuple[str, int]] = set()
        again: set[tuple[str, int]] = set()
        with _Warned(warnings):
            for reinvoking in (False, True):
                for hook in hooks:
                    if reinvoking and hook.key not in again:
                        continue
                    changed = await self._mutate_by(hook, review, warnings)
                    if changed is None:
                        continue
                    if changed != review.obj:
                        review = dataclasses.replace(review, obj=changed)
                        again |= set() if reinvoking else invoked
                        invoked = set()
                    if hook.webhook.get('reinvocationPolicy') == 'IfNeeded':
                        invoked.add(hook.key)
        return review.obj, warnings

    async def _mutate_by(self, hook: Hook, review: Review, warnings: list[str]) -> Json | None:
        """What the webhook makes of the object; None if it was not asked, or has nothing to change."""
        target = self._target(hook, review)
        if target is None:
            return None
        answered = await self._ask(hook, review, target, warnings, mutating=True)
        if answered is None:
            return None
        if not answered.operations:
            return review.obj
        shown = converted(review.obj, review.definition, target)
        if shown is None:
            raise internal(
                f'admission webhook {go_quote(hook.name)} attempted to modify the object, '
                'which is not supported for this operation'
            )
        try:
            patched = json_patch(shown, answered.operations, told=True)
        except (FailedPatchError, StatusError) as error:
            raise internal(str(error)) from error
        return converted(patched, target, review.definition)

    async def validate(self, review: Review) -> list[str]:
        """Show the object to the validating webhooks; give their warnings.

        Raises:
            StatusError: a webhook denied the request, or failed and may not; the Status is what clients get.
        """
        asked = [
            (hook, target)
            for hook in hooks_of(self._read(VALIDATING))
            if (target := self._target(hook, review)) is not None
        ]
        collected: list[list[str]] = [[] for _ in asked]
        outcomes = await asyncio.gather(
            *(
                self._ask(hook, review, target, warnings, mutating=False)
                for (hook, target), warnings in zip(asked, collected, strict=True)
            ),
            return_exceptions=True,
        )
        warnings = [each for some in collected for each in some]
        with _Warned(warnings):
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        return warnings

    # --- one webhook

    def _target(self, hook: Hook, review: Review) -> Definition | None:
        """The version that the webhook is to be shown; None if the request is none of its business."""
        target = target_of(hook, review, self._versions)
        if target is None or not selects(hook, review, self._namespace):
            return None
        return target if not hook.conditions or self._meets_conditions(hook, review, target) else None

    def _meets_conditions(self, hook: Hook, review: Review, target: Definition) -> bool:
        """One false condition is enough to be left out, even if others can't be evaluated."""
        request = request_of(review, target, '')
        variables = {'object': request.pop('object'), 'oldObject': request.pop('oldObject'), 'request': request}
        errors: list[str] = []
        for each in hook.conditions:
            try:
                if not self._condition(each.get('expression', ''), variables):
                    return False
            except ValueError as exc:
                errors.append(f"expression '{each.get('expression', '')}' resulted in error: {exc}")
        if errors and not hook.ignores_failures:
            joined = errors[0] if len(errors) == 1 else f'[{", ".join(errors)}]'
            raise forbidden(review.definition.resource, review.name, joined)
        return not errors

    async def _ask(
        self, hook: Hook, review: Review, target: Definition, warnings: list[str], *, mutating: bool
    ) -> Answered | None:
        """The answer of the webhook, if it allows the request; None if it failed and may. Adds to the warnings."""
        if review.dry_run and hook.webhook.get('sideEffects') not in ('None', 'NoneOnDryRun'):
            raise bad_request(f'admission webhook {go_quote(hook.name)} does not support dry run')
        try:
            answered = await self._post(hook, review, target, mutating=mutating)
        except FailedCallError as exc:
            if hook.ignores_failures:
                return None
            raise internal(f'failed calling webhook {go_quote(hook.name)}: {exc}') from exc
        warnings += answered.warnings
        if not answered.allowed:
            raise denial(hook.name, answered.status)
        return answered

    async def _post(self, hook: Hook, review: Review, target: Definition, *, mutating: bool) -> Answered:
        version = review_version(hook.webhook.get('admissionReviewVersions'))
        uid = str(uuid.uuid4())
        head = {'kind': 'AdmissionReview', 'apiVersion': f'admission.k8s.io/{version}'}
        body = json.dumps({**head, 'request': request_of(review, target, uid)}, separators=(',', ':')).encode()
        url, address = self._destination(hook)
        try:
            ca = hook.ca
        except ValueError as exc:
            raise FailedCallError('could not get REST client: unable to load root certificates') from exc
        try:
            status, answer = await self._call(url, body, ca=ca, timeout=float(hook.timeout), address=address)
        except OSError as exc:
            why = 'context deadline exceeded' if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
            raise FailedCallError(f'failed to call webhook: Post {go_quote(url)}: {why}') from exc
        return read_answer(status, answer, uid=uid, version=version, mutating=mutating)

    def _destination(self, hook: Hook) -> tuple[str, tuple[str, int] | None]:
        """The URL, and where to connect to in place of its host: services of the type ExternalName lead elsewhere."""
        config = hook.webhook.get('clientConfig') or {}
        service = config.get('service')
        if service is None:
            return _with_timeout(config.get('url') or '', hook.timeout), None
        namespace, name, port = service.get('namespace', ''), service.get('name', ''), service.get('port') or 443
        path = (service.get('path') or '/').lstrip('/')
        url = _with_timeout(f'https://{name}.{namespace}.svc:{port}/{path}', hook.timeout)
        for each in self._read(_SERVICES):
            metadata, spec = each['metadata'], each.get('spec') or {}
            if (metadata.get('namespace'), metadata.get('name')) == (namespace, name):
                external = spec.get('externalName') if spec.get('type') == 'ExternalName' else None
                return url, (external, port) if external else None
        raise FailedCallError(f'failed to call webhook: Post {go_quote(url)}: service {go_quote(name)} not found')


def _with_timeout(url: str, seconds: int) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(query=f'timeout={seconds}s').geturl()


class _Warned:
    """Warnings reach the client of a refused request, too."""

    def __init__(self, warnings: list[str]) -> None:
        self._warnings = warnings

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, StatusError):
            error.headers += tuple(('Warning', f'299 - {go_quote(each)}') for each in self._warnings)
