"""CEL, the Common Expression Language, as the API server has it: the language, its standard and Kubernetes functions.

text → `lexing` → `parsing` (a tree of `Node`s, macros expanded) → `programs` (closures) → a value, or a `CelError`.
The rules of custom resources (`x-kubernetes-validations`) are applied in `schemas.rules`.
The house's own, since no library at hand has the Kubernetes functions and the server's words without a heavy import.
Sources: the CEL language definition; the Kubernetes documentation, "Common Expression Language in Kubernetes".
"""
