"""Measurements and pictures, each made anew by one command."""
