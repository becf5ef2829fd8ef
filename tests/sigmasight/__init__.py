"""Tests of everything about SigmaSight."""
