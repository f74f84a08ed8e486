"""The roles that a cluster with RBAC has from the start, in a short notation. `bootstrap` makes the objects of it.

A line without an indent is a role, with `@label` for what it is aggregated to; an indented one is a rule of it:
its verbs, its API groups (`core` for the empty one), its resources, and perhaps the names; or verbs, `url`, and paths.
Of the verbs `R` stands for get, list and watch, `W` for all that write.

Source: the defaults of a v1.36 API server; "Default roles and role bindings" in the Kubernetes documentation.
"""

__all__ = ['CLUSTER_ROLES', 'CONTROLLER_ROLES', 'NAMESPACE_ROLES']

CLUSTER_ROLES = """
cluster-admin
  * * *
  * url *
system:discovery
  get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
system:monitoring
  get url /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*
system:basic-user
  create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews
  create authentication.k8s.io selfsubjectreviews
system:public-info-viewer
  get url /healthz,/livez,/readyz,/version,/version/
system:aggregate-to-admin @admin
  create authorization.k8s.io localsubjectaccessreviews
  R,W rbac.authorization.k8s.io rolebindings,roles
system:aggregate-to-edit @edit
  R core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
  impersonate core serviceaccounts
  W core pods,pods/attach,pods/exec,pods/portforward,pods/proxy
  create core pods/eviction
  W core configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,\
serviceaccounts,services,services/proxy
  create core serviceaccounts/token
  W apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,\
statefulsets/scale
  W autoscaling horizontalpodautoscalers
  W batch cronjobs,jobs
  W extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,\
replicasets/scale,replicationcontrollers/scale
  W policy poddisruptionbudgets
  W networking.k8s.io ingresses,networkpolicies
  R,W coordination.k8s.io leases
  R,W resource.k8s.io resourceclaims,resourceclaimtemplates
system:aggregate-to-view @view
  R core configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,\
replicationcontrollers/scale,serviceaccounts,services,services/status
  R core bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,\
resourcequotas,resourcequotas/status
  R core namespaces
  R discovery.k8s.io endpointslices
  R apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,\
replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
  R autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
  R batch cronjobs,cronjobs/status,jobs,jobs/status
  R extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,\
ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
  R policy poddisruptionbudgets,poddisruptionbudgets/status
  R networking.k8s.io ingresses,ingresses/status,networkpolicies
  R resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates
system:heapster
  R core events,namespaces,nodes,pods
  R extensions deployments
system:node
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io localsubjectaccessreviews,subjectaccessreviews
  R core services
  create,get,list,watch core nodes
  patch,update core nodes/status
  patch,update core nodes
  create,patch,update core events
  R core pods
  create,delete core pods
  patch,update core pods/status
  create core pods/eviction
  R core configmaps,secrets
  get core persistentvolumeclaims,persistentvolumes
  get core endpoints
  create,get,list,watch certificates.k8s.io certificatesigningrequests
  create,delete,get,patch,update coordination.k8s.io leases
  get storage.k8s.io volumeattachments
  create core serviceaccounts/token
  get,patch,update core persistentvolumeclaims/status
  R storage.k8s.io csidrivers
  create,delete,get,patch,update storage.k8s.io csinodes
  R node.k8s.io runtimeclasses
  get resource.k8s.io resourceclaims
  deletecollection resource.k8s.io resourceslices
  create,delete,get,list,patch,update,watch resource.k8s.io resourceslices
system:node-problem-detector
  get core nodes
  patch core nodes/status
  create,patch,update core,events.k8s.io events
system:kubelet-api-admin
  R core nodes
  proxy core nodes
  * core nodes/configz,nodes/healthz,nodes/log,nodes/metrics,nodes/pods,nodes/proxy,nodes/stats
system:node-bootstrapper
  create,get,list,watch certificates.k8s.io certificatesigningrequests
system:auth-delegator
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
system:kube-aggregator
  R core endpoints,services
system:kube-controller-manager
  create,patch,update core,events.k8s.io events
  create coordination.k8s.io leases
  get,update coordination.k8s.io leases kube-controller-manager
  create core secrets,serviceaccounts
  delete core secrets
  get core configmaps,namespaces,secrets,serviceaccounts
  update core secrets,serviceaccounts
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
  list,watch * *
  create core serviceaccounts/token
system:kube-dns
  list,watch core endpoints,services
system:persistent-volume-provisioner
  create,delete,get,list,watch core persistentvolumes
  get,list,update,watch core persistentvolumeclaims
  R storage.k8s.io storageclasses
  watch core events
  create,patch,update core,events.k8s.io events
system:volume-scheduler
  get,list,patch,update,watch core persistentvolumes
  R storage.k8s.io storageclasses
  get,list,patch,update,watch core persistentvolumeclaims
system:certificates.k8s.io:certificatesigningrequests:nodeclient
  create certificates.k8s.io certificatesigningrequests/nodeclient
system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
  create certificates.k8s.io certificatesigningrequests/selfnodeclient
system:certificates.k8s.io:legacy-unknown-approver
  approve certificates.k8s.io signers kubernetes.io/legacy-unknown
system:certificates.k8s.io:kubelet-serving-approver
  approve certificates.k8s.io signers kubernetes.io/kubelet-serving
system:certificates.k8s.io:kube-apiserver-client-approver
  approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client
system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
  approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet
system:service-account-issuer-discovery
  get url /.well-known/openid-configuration,/openid/v1/jwks
system:node-proxier
  list,watch core endpoints,services
  R core nodes
  create,patch,update core,events.k8s.io events
  list,watch discovery.k8s.io endpointslices
  list,watch networking.k8s.io servicecidrs
system:kube-scheduler
  create,patch,update core,events.k8s.io events
  create coordination.k8s.io leases
  get,list,update,watch coordination.k8s.io leases kube-scheduler
  R core nodes
  delete,get,list,watch core pods
  create core bindings,pods/binding
  patch,update core pods/status
  R core replicationcontrollers,services
  R apps,extensions replicasets
  R apps statefulsets
  R policy poddisruptionbudgets
  R core persistentvolumeclaims,persistentvolumes
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
  R storage.k8s.io csinodes
  R core namespaces
  R storage.k8s.io csidrivers
  R storage.k8s.io csistoragecapacities
  R storage.k8s.io volumeattachments
  R resource.k8s.io deviceclasses
  get,list,patch,update,watch resource.k8s.io resourceclaims
  get,list,patch,update,watch resource.k8s.io resourceclaims/status
  R resource.k8s.io resourceslices
"""

_EVENTS = '  create,patch,update core,events.k8s.io events\n'

CONTROLLER_ROLES = """
attachdetach-controller
  list,watch core persistentvolumeclaims,persistentvolumes
  R core nodes
  patch,update core nodes/status
  list,watch core pods
  events
  create,delete,get,list,watch storage.k8s.io volumeattachments
  R storage.k8s.io csidrivers
  R storage.k8s.io csinodes
clusterrole-aggregation-controller
  escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles
cronjob-controller
  get,list,update,watch batch cronjobs
  create,delete,get,list,patch,update,watch batch jobs
  update batch cronjobs/status
  update batch cronjobs/finalizers
  delete,list,watch core pods
  events
daemon-set-controller
  R apps,extensions daemonsets
  update apps,extensions daemonsets/status
  update apps,extensions daemonsets/finalizers
  list,watch core nodes
  create,delete,list,patch,watch core pods
  create core pods/binding
  create,delete,get,list,patch,update,watch apps controllerrevisions
  events
deployment-controller
  get,list,update,watch apps,extensions deployments
  update apps,extensions deployments/status
  update apps,extensions deployments/finalizers
  create,delete,get,list,patch,update,watch apps,extensions replicasets
  get,list,update,watch core pods
  events
device-taint-eviction-controller
  delete,get,list,watch core pods
  patch,update core pods/status
  R resource.k8s.io resourceclaims
  R resource.k8s.io resourceslices
  R resource.k8s.io deviceclasses
  events
disruption-controller
  R apps,extensions deployments
  R apps,extensions replicasets
  R core replicationcontrollers
  R policy poddisruptionbudgets
  R apps statefulsets
  update policy poddisruptionbudgets/status
  patch,update core pods/status
  get * */scale
  events
endpoint-controller
  R core pods,services
  create,delete,get,list,update,watch core endpoints
  create core endpoints/restricted
  events
endpointslice-controller
  R core nodes,pods,services
  update core services/finalizers
  create,delete,get,list,update,watch discovery.k8s.io endpointslices
  events
endpointslicemirroring-controller
  R core endpoints,services
  update core services/finalizers
  update core endpoints/finalizers
  create,delete,get,list,update,watch discovery.k8s.io endpointslices
  events
expand-controller
  get,list,patch,update,watch core persistentvolumes
  patch,update core persistentvolumeclaims/status
  R core persistentvolumeclaims
  events
ephemeral-volume-controller
  R core pods
  update core pods/finalizers
  create,get,list,watch core persistentvolumeclaims
  events
resource-claim-controller
  R core pods
  update core pods/finalizers
  create,delete,get,list,watch resource.k8s.io resourceclaims
  patch,update resource.k8s.io resourceclaims,resourceclaims/status
  patch,update core pods/status
  events
  patch,update resource.k8s.io resourceclaims/binding
generic-garbage-collector
  delete,get,list,patch,update,watch * *
  events
horizontal-pod-autoscaler
  R autoscaling horizontalpodautoscalers
  update autoscaling horizontalpodautoscalers/status
  get,update * */scale
  list,watch core pods
  list,watch metrics.k8s.io pods
  R custom.metrics.k8s.io *
  R external.metrics.k8s.io *
  events
job-controller
  get,list,patch,update,watch batch jobs
  update batch jobs/status
  update batch jobs/finalizers
  create,delete,list,patch,watch core pods
  events
namespace-controller
  delete,get,list,watch core namespaces
  update core namespaces/finalize,namespaces/status
  delete,deletecollection,get,list,watch * *
node-controller
  delete,get,list,patch,update,watch core nodes
  patch,update core nodes/status
  patch,update core pods/status
  delete,get,list,watch core pods
  events
persistent-volume-binder
  create,delete,get,list,update,watch core persistentvolumes
  update core persistentvolumes/status
  get,list,update,watch core persistentvolumeclaims
  update core persistentvolumeclaims/status
  create,delete,get,list,watch core pods
  R storage.k8s.io storageclasses
  list,watch core nodes
  events
  watch core events
pod-garbage-collector
  delete,list,watch core pods
  R core nodes
  patch core pods/status
replicaset-controller
  get,list,update,watch apps,extensions replicasets
  update apps,extensions replicasets/status
  update apps,extensions replicasets/finalizers
  create,delete,list,patch,watch core pods
  events
replication-controller
  get,list,update,watch core replicationcontrollers
  update core replicationcontrollers/status
  update core replicationcontrollers/finalizers
  create,delete,list,patch,watch core pods
  events
resourcequota-controller
  list,watch * *
  update core resourcequotas/status
  events
route-controller
  list,watch core nodes
  patch core nodes/status
  events
service-account-controller
  create core serviceaccounts
  events
service-controller
  R core services
  patch,update core services/status
  list,watch core nodes
  events
service-cidrs-controller
  get,list,patch,update,watch networking.k8s.io servicecidrs
  patch,update networking.k8s.io servicecidrs/finalizers
  patch,update networking.k8s.io servicecidrs/status
  R networking.k8s.io ipaddresses
  events
statefulset-controller
  list,watch core pods
  R apps statefulsets
  update apps statefulsets/status
  update apps statefulsets/finalizers
  create,delete,get,patch,update core pods
  create,delete,get,list,patch,update,watch apps controllerrevisions
  create,get,list,watch core persistentvolumeclaims
  delete,update core persistentvolumeclaims
  update core pods/finalizers
  events
ttl-controller
  list,patch,update,watch core nodes
  events
certificate-controller
  delete,get,list,watch certificates.k8s.io certificatesigningrequests
  update certificates.k8s.io certificatesigningrequests/approval,certificatesigningrequests/status
  approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet
  sign certificates.k8s.io signers kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,\
kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
  create authorization.k8s.io subjectaccessreviews
  events
pvc-protection-controller
  get,list,update,watch core persistentvolumeclaims
  update core persistentvolumeclaims/status
  R core pods
  events
pv-protection-controller
  get,list,update,watch core persistentvolumes
  events
volumeattributesclass-protection-controller
  R core persistentvolumeclaims
  R core persistentvolumes
  get,list,update,watch storage.k8s.io volumeattributesclasses
  events
selinux-warning-controller
  events
  R core persistentvolumes
  R core persistentvolumeclaims
  R core pods
  R storage.k8s.io csidrivers
ttl-after-finished-controller
  delete,get,list,watch batch jobs
  events
root-ca-cert-publisher
  create,update core configmaps
  events
validatingadmissionpolicy-status-controller
  R admissionregistration.k8s.io validatingadmissionpolicies
  get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status
  events
legacy-service-account-token-cleaner
  get core configmaps kube-apiserver-legacy-service-account-token-tracking
  delete,patch core secrets
""".replace('  events\n', _EVENTS)
"""Without their prefix `system:controller:`. Each is bound to the service account of its name in kube-system."""

NAMESPACE_ROLES = """
kube-public/system:controller:bootstrap-signer
  R core configmaps
  update core configmaps cluster-info
  create,patch,update core,events.k8s.io events
kube-system/extension-apiserver-authentication-reader
  R core configmaps extension-apiserver-authentication
kube-system/system::leader-locking-kube-controller-manager
  create,get,list,update,watch coordination.k8s.io leases
  create,get,list,update,watch coordination.k8s.io leasecandidates
kube-system/system::leader-locking-kube-scheduler
  create,get,list,update,watch coordination.k8s.io leases
  create,get,list,update,watch coordination.k8s.io leasecandidates
kube-system/system:controller:bootstrap-signer
  R core secrets
kube-system/system:controller:cloud-provider
  create,get,list,watch core configmaps
kube-system/system:controller:token-cleaner
  delete,get,list,watch core secrets
  create,patch,update core,events.k8s.io events
"""
