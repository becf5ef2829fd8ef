"""Tests of everything about HER."""
