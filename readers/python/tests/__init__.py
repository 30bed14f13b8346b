"""Tests. The names of the functions are the laws that they check."""
