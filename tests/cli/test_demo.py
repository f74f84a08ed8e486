"""The demo of the README does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_the_demo_records_a_real_client_and_replays_the_recording_to_it(tmp_path: Path) -> None:
    environment = os.environ | {'TMPDIR': str(tmp_path), 'HOME': str(tmp_path)}
    environment.pop('KUBECONFIG', None)
    done = subprocess.run(
        [sys.executable, str(TOP / 'tools' / 'demo_session.py')],
        env=environment,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '10 of 10 requests agree in status, bytes and ending' in done.stdout
    kept = re.search(r'kmock show (\S+/demo\.kmock)', done.stdout)
    assert kept is not None
    # Nothing else is left behind: no second cassette, no kubeconfigs.
    assert [path for path in tmp_path.rglob('*') if path.is_file()] == [Path(kept[1])]
