"""Filters of single-channel and RGB images."""

from .suite import TimedCall, TimedPlan, table

FILTERS = table(
    "images/sobel3/512",
    "images/sobel3/2048",
    "images/gaussian5/512",
    "images/gaussian11/1024",
    "images/gaussian31/1024",
    "images/general7/1024",
    "images/general15/1024",
    "images/general31/1024",
    "images/rgb_gaussian5/1024",
    "images/rgb_general5/512",
    "images/filter_bank8x11/512",
)


class Function(TimedCall, cases=FILTERS, param="filter"):
    pass


class Plan(TimedPlan, cases=FILTERS, param="filter"):
    pass
