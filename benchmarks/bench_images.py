"""Filters of single-channel and RGB images."""

from .suite import Measured, checked_call, checked_plan, table

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


class Function(Measured):
    params = [list(FILTERS)]
    param_names = ["filter"]

    def prepare(self, filter):
        return checked_call(FILTERS[filter])

    def time_call(self, filter):
        self.call()


class Plan(Measured):
    params = [list(FILTERS)]
    param_names = ["filter"]

    def prepare(self, filter):
        return checked_plan(FILTERS[filter])[0]

    def time_call(self, filter):
        self.call()
