"""The health tests: one folder a layer. They travel with the package as sickbay.tests."""
