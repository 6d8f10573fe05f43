"""Readers of what starts a campaign, a module for each family of kinds."""
