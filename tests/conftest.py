"""Tests neither read nor write the user's wisdom; those about wisdom name files of their own."""

import os

os.environ["FASTCONV_WISDOM"] = "off"
