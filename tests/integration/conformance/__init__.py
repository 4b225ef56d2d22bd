"""Conformance suites: one body of claims that every implementation of a port keeps, fake or real."""

import pytest

# Suites are not test modules by name; their failures should say as much.
pytest.register_assert_rewrite(
    "tests.integration.conformance.container_driver", "tests.integration.conformance.runtime_api"
)
