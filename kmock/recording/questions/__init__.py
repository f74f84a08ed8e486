"""What a request asks, in detail; `kmock.recording.matching` finds who answers.

normalizing.py   what varies from run to run, and what is left to compare
stable_heads.py  paths, parameters, selectors and media types in one spelling
generated.py     names and times that are made anew in each run
differences.py   two bodies, path by path
refusals.py      the nearest recorded request, explained
"""
