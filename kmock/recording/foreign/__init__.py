"""Formats of other tools, in detail; `kmock.recording.interchange` is the whole.

records.py     frames as JSON objects, one a line
jsontext.py    JSON read from a stream, within limits
har_export.py  HAR 1.2, written
har_import.py  HAR 1.2, read
ordering.py    frames sorted by their times
"""
