"""The version of this package; its metadata is made from here."""

__version__ = '1.0.0.dev0'
