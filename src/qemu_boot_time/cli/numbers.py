"""Types of options that are numbers within bounds, with names for those who are told that one is none."""

import click


class WholeNumber(click.IntRange):
    """A whole number."""

    name = "whole number"


class Number(click.FloatRange):
    """Any number."""

    name = "number"
