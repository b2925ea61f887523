"""Fixtures and facts of your own go here; pytest shares them with every test below."""

pytest_plugins = ["pytester"]
