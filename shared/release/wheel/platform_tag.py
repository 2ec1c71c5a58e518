"""Says of the wheel that it holds a program for one platform, and no Python."""

import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PlatformTag(BuildHookInterface):
    """Called by hatchling. `make release` says the platform, which it has found in the program."""

    def initialize(self, version, build_data):
        """Names the platform, or says who can."""
        platform = os.environ.get("ORK_WHEEL_PLATFORM")
        if not platform or not os.path.isfile(os.path.join(self.root, "ork")):
            raise RuntimeError("ork-cli is built by `make release`, which puts the program `ork` into its wheel; from source: cargo install --path shared/cli")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
