"""The numbers of the fields of the messages that kmock reads and writes as Kubernetes' protobuf. Data only.

A field is `name=number:type`: `s` text, `i` integer, `b` boolean, `y` bytes (base64 in JSON), `n` quantity,
a message's name; `*` repeats, `<` maps texts to it; `?` after it: optional, so that an empty value counts.
A `~` before the name tells that the message's own fields stand in the object around it (read, never written).
Source: the protobuf definitions that the Kubernetes API publishes with its types (`generated.proto`).
"""

__all__ = ['KINDS', 'MESSAGES', 'PARTIAL', 'REQUESTS_ONLY']

_METADATA = 'metadata=1:ObjectMeta'
_LIST = 'metadata=1:ListMeta items=2:*'

MESSAGES: dict[str, str] = {
    # meta/v1
    'ObjectMeta': 'name=1:s generateName=2:s namespace=3:s selfLink=4:s uid=5:s resourceVersion=6:s generation=7:i'
    ' creationTimestamp=8:Time deletionTimestamp=9:Time? deletionGracePeriodSeconds=10:i? labels=11:<s'
    ' annotations=12:<s ownerReferences=13:*OwnerReference finalizers=14:*s managedFields=17:*ManagedFieldsEntry',
    'OwnerReference': 'kind=1:s name=3:s uid=4:s apiVersion=5:s controller=6:b? blockOwnerDeletion=7:b?',
    'ManagedFieldsEntry': 'manager=1:s operation=2:s apiVersion=3:s time=4:Time? fieldsType=6:s fieldsV1=7:FieldsV1?'
    ' subresource=8:s',
    'ListMeta': 'selfLink=1:s resourceVersion=2:s continue=3:s remainingItemCount=4:i?',
    'Status': 'metadata=1:ListMeta status=2:s message=3:s reason=4:s details=5:StatusDetails? code=6:i',
    'StatusDetails': 'name=1:s group=2:s kind=3:s causes=4:*StatusCause retryAfterSeconds=5:i uid=6:s',
    'StatusCause': 'reason=1:s message=2:s field=3:s',
    'DeleteOptions': 'gracePeriodSeconds=1:i? preconditions=2:Preconditions? orphanDependents=3:b?'
    ' propagationPolicy=4:s? dryRun=5:*s ignoreStoreReadErrorWithClusterBreakingPotential=6:b?',
    'Preconditions': 'uid=1:s? resourceVersion=2:s?',
    'LabelSelector': 'matchLabels=1:<s matchExpressions=2:*LabelSelectorRequirement',
    'LabelSelectorRequirement': 'key=1:s operator=2:s values=3:*s',
    'FieldSelectorRequirement': 'key=1:s operator=2:s values=3:*s',
    'PartialObjectMetadata': _METADATA,
    'PartialObjectMetadataList': f'{_LIST}PartialObjectMetadata',
    # core/v1
    'ConfigMap': f'{_METADATA} data=2:<s binaryData=3:<y immutable=4:b?',
    'Secret': f'{_METADATA} data=2:<y type=3:s stringData=4:<s immutable=5:b?',
    'ServiceAccount': f'{_METADATA} secrets=2:*ObjectReference imagePullSecrets=3:*LocalObjectReference'
    ' automountServiceAccountToken=4:b?',
    'ObjectReference': 'kind=1:s namespace=2:s name=3:s uid=4:s apiVersion=5:s resourceVersion=6:s fieldPath=7:s',
    'LocalObjectReference': 'name=1:s',
    'Namespace': f'{_METADATA} spec=2:NamespaceSpec status=3:NamespaceStatus',
    'NamespaceSpec': 'finalizers=1:*s',
    'NamespaceStatus': 'phase=1:s conditions=2:*NamespaceCondition',
    'NamespaceCondition': 'type=1:s status=2:s lastTransitionTime=4:Time reason=5:s message=6:s',
    'Event': f'{_METADATA} involvedObject=2:ObjectReference reason=3:s message=4:s source=5:EventSource'
    ' firstTimestamp=6:Time lastTimestamp=7:Time count=8:i type=9:s eventTime=10:MicroTime series=11:EventSeries?'
    ' action=12:s related=13:ObjectReference? reportingComponent=14:s reportingInstance=15:s',
    'EventSource': 'component=1:s host=2:s',
    'EventSeries': 'count=1:i lastObservedTime=2:MicroTime',
    # coordination.k8s.io/v1
    'Lease': f'{_METADATA} spec=2:LeaseSpec',
    'LeaseSpec': 'holderIdentity=1:s? leaseDurationSeconds=2:i? acquireTime=3:MicroTime? renewTime=4:MicroTime?'
    ' leaseTransitions=5:i? strategy=6:s? preferredHolder=7:s?',
    # rbac.authorization.k8s.io/v1
    'PolicyRule': 'verbs=1:*s apiGroups=2:*s resources=3:*s resourceNames=4:*s nonResourceURLs=5:*s',
    'Role': f'{_METADATA} rules=2:*PolicyRule',
    'ClusterRole': f'{_METADATA} rules=2:*PolicyRule aggregationRule=3:AggregationRule?',
    'AggregationRule': 'clusterRoleSelectors=1:*LabelSelector',
    'Subject': 'kind=1:s apiGroup=2:s name=3:s namespace=4:s',
    'RoleRef': 'apiGroup=1:s kind=2:s name=3:s',
    'RoleBinding': f'{_METADATA} subjects=2:*Subject roleRef=3:RoleRef',
    'ClusterRoleBinding': f'{_METADATA} subjects=2:*Subject roleRef=3:RoleRef',
    # authorization.k8s.io/v1
    'SelfSubjectAccessReview': f'{_METADATA} spec=2:SelfSubjectAccessReviewSpec status=3:SubjectAccessReviewStatus',
    'SelfSubjectAccessReviewSpec': 'resourceAttributes=1:ResourceAttributes?'
    ' nonResourceAttributes=2:NonResourceAttributes?',
    'SubjectAccessReview': f'{_METADATA} spec=2:SubjectAccessReviewSpec status=3:SubjectAccessReviewStatus',
    'LocalSubjectAccessReview': f'{_METADATA} spec=2:SubjectAccessReviewSpec status=3:SubjectAccessReviewStatus',
    'SubjectAccessReviewSpec': 'resourceAttributes=1:ResourceAttributes?'
    ' nonResourceAttributes=2:NonResourceAttributes? user=3:s groups=4:*s extra=5:<ExtraValue uid=6:s',
    'SubjectAccessReviewStatus': 'allowed=1:b? reason=2:s evaluationError=3:s denied=4:b',
    'ResourceAttributes': 'namespace=1:s verb=2:s group=3:s version=4:s resource=5:s subresource=6:s name=7:s'
    ' fieldSelector=8:FieldSelectorAttributes? labelSelector=9:LabelSelectorAttributes?',
    'NonResourceAttributes': 'path=1:s verb=2:s',
    'FieldSelectorAttributes': 'rawSelector=1:s requirements=2:*FieldSelectorRequirement',
    'LabelSelectorAttributes': 'rawSelector=1:s requirements=2:*LabelSelectorRequirement',
    'SelfSubjectRulesReview': f'{_METADATA} spec=2:SelfSubjectRulesReviewSpec status=3:SubjectRulesReviewStatus',
    'SelfSubjectRulesReviewSpec': 'namespace=1:s',
    'SubjectRulesReviewStatus': 'resourceRules=1:*ResourceRule nonResourceRules=2:*NonResourceRule incomplete=3:b?'
    ' evaluationError=4:s',
    'ResourceRule': 'verbs=1:*s apiGroups=2:*s resources=3:*s resourceNames=4:*s',
    'NonResourceRule': 'verbs=1:*s nonResourceURLs=2:*s',
    # authentication.k8s.io/v1
    'SelfSubjectReview': f'{_METADATA} status=2:SelfSubjectReviewStatus',
    'SelfSubjectReviewStatus': 'userInfo=1:UserInfo',
    'UserInfo': 'username=1:s uid=2:s groups=3:*s extra=4:<ExtraValue',
    'TokenReview': f'{_METADATA} spec=2:TokenReviewSpec status=3:TokenReviewStatus',
    'TokenReviewSpec': 'token=1:s audiences=2:*s',
    'TokenReviewStatus': 'authenticated=1:b user=2:UserInfo error=3:s audiences=4:*s',
    'TokenRequest': f'{_METADATA} spec=2:TokenRequestSpec status=3:TokenRequestStatus',
    'TokenRequestSpec': 'audiences=1:*s boundObjectRef=3:BoundObjectReference? expirationSeconds=4:i?',
    'BoundObjectReference': 'kind=1:s apiVersion=2:s name=3:s uid=4:s',
    'TokenRequestStatus': 'token=1:s expirationTimestamp=2:Time',
    # certificates.k8s.io/v1
    'CertificateSigningRequest': f'{_METADATA} spec=2:CertificateSigningRequestSpec'
    ' status=3:CertificateSigningRequestStatus',
    'CertificateSigningRequestSpec': 'request=1:y username=2:s uid=3:s groups=4:*s usages=5:*s extra=6:<ExtraValue'
    ' signerName=7:s expirationSeconds=8:i?',
    'CertificateSigningRequestStatus': 'conditions=1:*CertificateSigningRequestCondition certificate=2:y',
    'CertificateSigningRequestCondition': 'type=1:s reason=2:s message=3:s lastUpdateTime=4:Time'
    ' lastTransitionTime=5:Time status=6:s',
    # what `kubectl create` makes of workloads
    'Deployment': f'{_METADATA} spec=2:DeploymentSpec status=3:Empty',
    'DeploymentSpec': 'replicas=1:i? selector=2:LabelSelector? template=3:PodTemplateSpec strategy=4:Empty'
    ' minReadySeconds=5:i revisionHistoryLimit=6:i? paused=7:b progressDeadlineSeconds=9:i?',
    'Job': f'{_METADATA} spec=2:JobSpec status=3:Empty',
    'JobSpec': 'parallelism=1:i? completions=2:i? activeDeadlineSeconds=3:i? selector=4:LabelSelector?'
    ' manualSelector=5:b? template=6:PodTemplateSpec backoffLimit=7:i? ttlSecondsAfterFinished=8:i?'
    ' completionMode=9:s? suspend=10:b? backoffLimitPerIndex=12:i? maxFailedIndexes=13:i?'
    ' podReplacementPolicy=14:s? managedBy=15:s?',
    'CronJob': f'{_METADATA} spec=2:CronJobSpec status=3:Empty',
    'CronJobSpec': 'schedule=1:s startingDeadlineSeconds=2:i? concurrencyPolicy=3:s suspend=4:b?'
    ' jobTemplate=5:JobTemplateSpec successfulJobsHistoryLimit=6:i? failedJobsHistoryLimit=7:i? timeZone=8:s?',
    'JobTemplateSpec': f'{_METADATA} spec=2:JobSpec',
    'PodTemplateSpec': f'{_METADATA} spec=2:PodSpec',
    'PodSpec': 'containers=2:*Container restartPolicy=3:s terminationGracePeriodSeconds=4:i?'
    ' activeDeadlineSeconds=5:i? dnsPolicy=6:s nodeSelector=7:<s serviceAccountName=8:s serviceAccount=9:s'
    ' nodeName=10:s hostNetwork=11:b hostPID=12:b hostIPC=13:b'
    ' imagePullSecrets=15:*LocalObjectReference hostname=16:s subdomain=17:s schedulerName=19:s'
    ' initContainers=20:*Container automountServiceAccountToken=21:b? tolerations=22:*Toleration'
    ' priorityClassName=24:s priority=25:i? shareProcessNamespace=27:b? runtimeClassName=29:s?'
    ' enableServiceLinks=30:b? preemptionPolicy=31:s?',
    'Toleration': 'key=1:s operator=2:s value=3:s effect=4:s tolerationSeconds=5:i?',
    'Container': 'name=1:s image=2:s command=3:*s args=4:*s workingDir=5:s ports=6:*ContainerPort env=7:*EnvVar'
    ' resources=8:Resources terminationMessagePath=13:s imagePullPolicy=14:s stdin=16:b stdinOnce=17:b tty=18:b'
    ' terminationMessagePolicy=20:s',
    'ContainerPort': 'name=1:s hostPort=2:i containerPort=3:i protocol=4:s hostIP=5:s',
    'EnvVar': 'name=1:s value=2:s',
    'Resources': 'limits=1:<n requests=2:<n',
    'Service': f'{_METADATA} spec=2:ServiceSpec status=3:ServiceStatus',
    'ServiceSpec': 'ports=1:*ServicePort selector=2:<s clusterIP=3:s type=4:s externalIPs=5:*s sessionAffinity=7:s'
    ' loadBalancerIP=8:s loadBalancerSourceRanges=9:*s externalName=10:s publishNotReadyAddresses=13:b',
    'ServicePort': 'name=1:s protocol=2:s port=3:i targetPort=4:IntOrString nodePort=5:i appProtocol=6:s?',
    'ServiceStatus': 'loadBalancer=1:Empty',
    'ResourceQuota': f'{_METADATA} spec=2:ResourceQuotaSpec status=3:Empty',
    'ResourceQuotaSpec': 'hard=1:<n scopes=2:*s',
    'PriorityClass': f'{_METADATA} value=2:i? globalDefault=3:b description=4:s preemptionPolicy=5:s?',
    'PodDisruptionBudget': f'{_METADATA} spec=2:PodDisruptionBudgetSpec status=3:Empty',
    'PodDisruptionBudgetSpec': 'minAvailable=1:IntOrString? selector=2:LabelSelector? maxUnavailable=3:IntOrString?'
    ' unhealthyPodEvictionPolicy=4:s?',
    'Ingress': f'{_METADATA} spec=2:IngressSpec status=3:IngressStatus',
    'IngressSpec': 'defaultBackend=1:IngressBackend? tls=2:*IngressTLS rules=3:*IngressRule ingressClassName=4:s?',
    'IngressTLS': 'hosts=1:*s secretName=2:s',
    'IngressRule': 'host=1:s ~value=2:IngressRuleValue',
    'IngressRuleValue': 'http=1:HTTPIngressRuleValue?',
    'HTTPIngressRuleValue': 'paths=1:*HTTPIngressPath',
    'HTTPIngressPath': 'path=1:s backend=2:IngressBackend pathType=3:s?',
    'IngressBackend': 'resource=3:TypedLocalObjectReference? service=4:IngressServiceBackend?',
    'TypedLocalObjectReference': 'apiGroup=1:s? kind=2:s name=3:s',
    'IngressServiceBackend': 'name=1:s port=2:ServiceBackendPort',
    'ServiceBackendPort': 'name=1:s number=2:i',
    'IngressStatus': 'loadBalancer=1:Empty',
    'HorizontalPodAutoscaler': f'{_METADATA} spec=2:HorizontalPodAutoscalerSpec status=3:Empty',
    'HorizontalPodAutoscalerSpec': 'scaleTargetRef=1:CrossVersionObjectReference minReplicas=2:i? maxReplicas=3:i'
    ' targetCPUUtilizationPercentage=4:i?',
    'HorizontalPodAutoscalerV2': f'{_METADATA} spec=2:HorizontalPodAutoscalerSpecV2 status=3:Empty',
    'HorizontalPodAutoscalerSpecV2': 'scaleTargetRef=1:CrossVersionObjectReference minReplicas=2:i? maxReplicas=3:i'
    ' metrics=4:*MetricSpec',
    'CrossVersionObjectReference': 'kind=1:s name=2:s apiVersion=3:s',
    'MetricSpec': 'type=1:s resource=4:ResourceMetricSource?',
    'ResourceMetricSource': 'name=1:s target=2:MetricTarget',
    'MetricTarget': 'type=1:s value=2:n? averageValue=3:n? averageUtilization=4:i?',
    'Empty': '',
    # what values are wrapped in
    'ExtraValue': 'items=1:*s',
    'Time': 'seconds=1:i nanos=2:i',
    'MicroTime': 'seconds=1:i nanos=2:i',
    'FieldsV1': 'raw=1:y',
    'Quantity': 'string=1:s',
    'IntOrString': 'type=1:i intVal=2:i strVal=3:s',
    'TypeMeta': 'apiVersion=1:s kind=2:s',
    'Unknown': 'typeMeta=1:TypeMeta raw=2:y contentEncoding=3:s contentType=4:s',
    'WatchEvent': 'type=1:s object=2:RawExtension',
    'RawExtension': 'raw=1:y',
}

_LISTED: tuple[str, ...] = (
    *('ConfigMap', 'Secret', 'ServiceAccount', 'Namespace', 'Event', 'Lease'),
    *('Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'),
)
MESSAGES.update({f'{kind}List': f'{_LIST}{kind}' for kind in _LISTED})

KINDS: dict[tuple[str, str], str] = {
    **{('v1', kind): kind for kind in ('ConfigMap', 'Secret', 'ServiceAccount', 'Namespace', 'Event', 'Status')},
    **{('v1', f'{kind}List'): f'{kind}List' for kind in ('ConfigMap', 'Secret', 'ServiceAccount', 'Namespace')},
    ('v1', 'EventList'): 'EventList',
    ('v1', 'DeleteOptions'): 'DeleteOptions',
    ('meta.k8s.io/v1', 'DeleteOptions'): 'DeleteOptions',
    **{('coordination.k8s.io/v1', kind): kind for kind in ('Lease', 'LeaseList')},
    **{('rbac.authorization.k8s.io/v1', kind): kind for kind in MESSAGES if kind.startswith(('Role', 'ClusterRole'))},
    **{('authorization.k8s.io/v1', kind): kind for kind in MESSAGES if kind.endswith(('AccessReview', 'RulesReview'))},
    **{('authentication.k8s.io/v1', kind): kind for kind in ('SelfSubjectReview', 'TokenReview', 'TokenRequest')},
    **{(f'meta.k8s.io/{each}', kind): kind for each in ('v1', 'v1beta1') for kind in MESSAGES if 'Partial' in kind},
    ('certificates.k8s.io/v1', 'CertificateSigningRequest'): 'CertificateSigningRequest',
    ('apps/v1', 'Deployment'): 'Deployment',
    ('batch/v1', 'Job'): 'Job',
    ('batch/v1', 'CronJob'): 'CronJob',
    ('v1', 'Service'): 'Service',
    ('v1', 'ResourceQuota'): 'ResourceQuota',
    ('scheduling.k8s.io/v1', 'PriorityClass'): 'PriorityClass',
    ('policy/v1', 'PodDisruptionBudget'): 'PodDisruptionBudget',
    ('networking.k8s.io/v1', 'Ingress'): 'Ingress',
    ('autoscaling/v1', 'HorizontalPodAutoscaler'): 'HorizontalPodAutoscaler',
    ('autoscaling/v2', 'HorizontalPodAutoscaler'): 'HorizontalPodAutoscalerV2',
}
del KINDS['rbac.authorization.k8s.io/v1', 'RoleRef']

REQUESTS_ONLY = frozenset(
    {
        *('Deployment', 'Job', 'CronJob', 'Service', 'ResourceQuota', 'PriorityClass', 'PodDisruptionBudget'),
        *('Ingress', 'HorizontalPodAutoscaler', 'HorizontalPodAutoscalerV2'),
    }
)
"""Kinds of which only what clients create from a few options is known: read, but never written."""

PARTIAL = frozenset(
    {
        *REQUESTS_ONLY,
        *('DeploymentSpec', 'JobSpec', 'CronJobSpec', 'PodSpec', 'Container', 'EnvVar', 'Resources', 'ServiceSpec'),
        *('ServiceStatus', 'ResourceQuotaSpec', 'IngressStatus', 'Empty', 'MetricSpec'),
        *('HorizontalPodAutoscalerSpecV2',),
    }
)
"""Messages with more fields than are known here: a document that has these is refused, not read without them."""
