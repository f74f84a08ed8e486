"""Cassettes on disk, in detail; `kmock.recording.format` is the whole.

encoding.py     one frame as bytes: layout, checksums, limits, versions
scanning.py     the index pass over a file, and single frames afterwards
writer.py       appending frames as things happen
compression.py  packed files, read within limits
spool.py        a cassette without a name, for what is read from elsewhere
"""
