"""The kernel that every service of the hotline stands on. It imports no service (`hotline.cli`, which wires them, excepted)."""

__version__ = "0.5.0"
