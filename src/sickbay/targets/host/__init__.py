"""Hosts: one login, one batched script."""
