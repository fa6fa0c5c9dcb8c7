"""Inventory and roll-out."""
