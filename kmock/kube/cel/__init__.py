"""CEL, the Common Expression Language, as the API server has it: the language, its standard and Kubernetes functions.

text → `lexing` → `parsing` (a tree of `Node`s, macros expanded) → `programs` (closures) → a value, or a `CelError`.
`rules` applies the `x-kubernetes-validations` of custom resources. The house's own, since no library at hand has the
Kubernetes functions and the server's words without a heavy import.
Sources: the CEL language definition; the Kubernetes documentation, "Common Expression Language in Kubernetes".
"""
