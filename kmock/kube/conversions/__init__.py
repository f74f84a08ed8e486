"""Conversions: built-in kinds that are served in several wordings, but stored in one, as the real server does.

Events are stored as those of the core group, HorizontalPodAutoscalers as those of autoscaling/v2. Other built-in kinds
have one version, and those of custom resources differ by their schemas alone.
"""

from collections.abc import Mapping

from kmock.kube.conversions.autoscalers import to_v1, to_v2
from kmock.kube.conversions.events import to_core, to_new
from kmock.kube.definitions import Conversion
from kmock.naming import Resource

__all__ = ['CONVERSIONS']

CONVERSIONS: Mapping[Resource, Conversion] = {
    Resource('events.k8s.io', 'v1', 'events'): Conversion(bucket=('', 'events'), read=to_new, write=to_core),
    Resource('autoscaling', 'v1', 'horizontalpodautoscalers'): Conversion(
        bucket=('autoscaling', 'horizontalpodautoscalers'), read=to_v1, write=to_v2, storage_version='v2'
    ),
}
