"""Where secrets are found in bodies, in detail; `kmock.recording.redaction` is the whole.

placeholders.py   what stands in place of a secret
splicing.py       replacing parts of a stream that comes in pieces
jsonstream.py     an incremental lexer of JSON
skimming.py       passing whole stretches of JSON at once
secretobjects.py  secrets by their place in JSON
secretyaml.py     secrets by their place in YAML
protobuf.py       secrets by their field in protobuf
credentials.py    secrets by their looks, anywhere
"""
