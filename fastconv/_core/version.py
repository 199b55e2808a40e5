"""The version, for the package, for keys of what was measured, and for the build."""

VERSION = "0.1.0"
