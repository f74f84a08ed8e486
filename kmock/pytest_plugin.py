"""The pytest plugin: the fixture `kmock`, its marker and options."""
