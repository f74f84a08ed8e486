"""Access to the emulated cluster: who calls (users, tokens, impersonation), what they may do (RBAC), reviews."""

from kmock.kube.access.attributes import Attributes, attributes_of, forbidden_status
from kmock.kube.access.authentication import Checked, authenticate, bearer_token, check_token, names_nobody
from kmock.kube.access.authorization import Authorizer
from kmock.kube.access.bootstrap import aggregated_rules, bootstrap_objects
from kmock.kube.access.escalation import check_escalation
from kmock.kube.access.reviews import REVIEWS, review
from kmock.kube.access.tokens import ISSUER, Tokens
from kmock.kube.access.users import ADMIN, ANONYMOUS, User, Users, user_info

__all__ = [
    'ADMIN',
    'ANONYMOUS',
    'ISSUER',
    'REVIEWS',
    'Attributes',
    'Authorizer',
    'Checked',
    'Tokens',
    'User',
    'Users',
    'aggregated_rules',
    'attributes_of',
    'authenticate',
    'bearer_token',
    'bootstrap_objects',
    'check_escalation',
    'check_token',
    'forbidden_status',
    'names_nobody',
    'review',
    'user_info',
]
