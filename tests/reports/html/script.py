"""The page's own scripts, run by Node.js without a page."""

import json
import shutil
import subprocess

import pytest

from fxflops.reports.html import asset

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js, which runs the scripts, is missing")


def run(code, given=None):
    """What ``code``, the body of a function of ``given``, returns; both are JSON."""
    scripts = ("arithmetic", "numbers", "domain", "model", "typeset")
    page = "globalThis.ResizeObserver = class {};\n"
    page += "\n".join(asset(f"assets/{name}.js") for name in scripts)
    page += f"\nconst run = (given) => {{{code}}};\n"
    page += 'process.stdout.write(JSON.stringify(run(JSON.parse(require("fs").readFileSync(0)))));'
    done = subprocess.run(
        [NODE, "-e", page],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
