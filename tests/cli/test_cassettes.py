"""The commands that read and write cassettes: show, export, import, repair."""

import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kmock_process import KMOCK, kmock

from kmock.cli import main
from kmock.recording.format import load

SHIPPED = ['faults.jsonl', 'kopf.jsonl', 'kubectl.jsonl.gz', 'kubernetes-asyncio.jsonl', 'lightkube.jsonl']


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == '.gz' else content


# --- export and import


@pytest.mark.parametrize('name', SHIPPED)
def test_import_and_export_give_every_line_back(cassettes_folder: Path, tmp_path: Path, name: str) -> None:
    result = run('import', cassettes_folder / name, '-o', tmp_path / 'c.kmock')
    assert result.exit_code == 0, result.output
    assert 'c.kmock has ' in result.stderr
    assert run('export', tmp_path / 'c.kmock').stdout_bytes == lines(cassettes_folder / name)


def test_an_export_is_packed_if_its_name_says_so(cassettes_folder: Path, tmp_path: Path) -> None:
    assert run('export', cassettes_folder / 'faults.jsonl', '-o', tmp_path / 'f.jsonl.gz').exit_code == 0
    assert lines(tmp_path / 'f.jsonl.gz') == lines(cassettes_folder / 'faults.jsonl')


@pytest.mark.parametrize('arguments', [['-o', 'f.har'], ['-o', 'f', '--format', 'har']])
def test_har_is_written_where_the_name_or_the_option_says_so(
    cassettes_folder: Path, tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run('export', cassettes_folder / 'faults.jsonl', *arguments).exit_code == 0
    assert json.loads((tmp_path / arguments[1]).read_text())['log']['version'] == '1.2'
    assert run('import', arguments[1], '-o', 'f.kmock').exit_code == 0
    with load('f.kmock') as cassette:
        assert len(cassette.exchanges) == 53


def test_standard_output_that_closes_early_is_no_error(cassettes_folder: Path, tmp_path: Path) -> None:
    """As in `kmock export ... | head -1`."""
    source = cassettes_folder / 'kubectl.jsonl.gz'
    for arguments in (['export', source], ['show', source, '--text']):
        process = subprocess.Popen([*KMOCK, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        with process:
            assert process.stderr.read() == b''


def test_a_full_device_is_one_line(cassettes_folder: Path) -> None:
    with Path('/dev/full').open('wb') as full:
        for command in ('export', 'show', 'replay'):
            process = subprocess.run(
                [*KMOCK, command, str(cassettes_folder / 'kubectl.jsonl.gz')],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            assert process.returncode == 1
            assert process.stderr == "Error: Can't write to standard output: No space left on device.\n"


def test_an_import_keeps_secrets_unless_told_to_replace_them(cassettes_folder: Path, tmp_path: Path) -> None:
    source = cassettes_folder / 'kubectl.jsonl.gz'
    secret = b'not-a-real-password'
    assert secret in lines(source)
    assert run('import', source, '-o', tmp_path / 'kept.kmock').exit_code == 0
    assert run('import', source, '-o', tmp_path / 'replaced.kmock', '--redact').exit_code == 0
    assert secret in (tmp_path / 'kept.kmock').read_bytes()
    assert secret not in (tmp_path / 'replaced.kmock').read_bytes()
    with load(tmp_path / 'kept.kmock') as kept, load(tmp_path / 'replaced.kmock') as replaced:
        assert kept.header.redacted == ()
        assert any('Secret' in line for line in replaced.header.redacted)
        assert replaced.header.key
        assert [(each.id, each.target, each.chunk_count, each.outcome) for each in replaced.exchanges] == [
            (each.id, each.target, each.chunk_count, each.outcome) for each in kept.exchanges
        ]


def test_what_to_redact_is_of_use_with_redact_only(cassettes_folder: Path, tmp_path: Path) -> None:
    source = cassettes_folder / 'faults.jsonl'
    result = run('import', source, '-o', tmp_path / 'c.kmock', '--redact-header', 'X')
    assert result.exit_code == 2
    assert 'need --redact' in result.stderr


# --- repair


def test_repair_saves_what_is_whole_and_tells_what_is_not(cassettes_folder: Path, tmp_path: Path) -> None:
    assert run('import', cassettes_folder / 'faults.jsonl', '-o', tmp_path / 'whole.kmock').exit_code == 0
    content = (tmp_path / 'whole.kmock').read_bytes()
    (tmp_path / 'torn.kmock').write_bytes(content[: len(content) // 2 + 3])
    result = run('repair', tmp_path / 'torn.kmock', '-o', tmp_path / 'clean.kmock')
    assert result.exit_code == 0
    assert 'torn.kmock: ' in result.stderr
    assert '1 problem found' in result.stderr
    with load(tmp_path / 'clean.kmock') as clean:
        assert not clean.problems
        assert 10 < len(clean.exchanges) < 53


def test_a_whole_cassette_has_no_problems(cassettes_folder: Path, tmp_path: Path) -> None:
    run('import', cassettes_folder / 'faults.jsonl', '-o', tmp_path / 'whole.kmock')
    result = run('repair', tmp_path / 'whole.kmock', '-o', tmp_path / 'clean.kmock')
    assert 'no problems found' in result.stderr
    assert run('export', tmp_path / 'clean.kmock').stdout_bytes == lines(cassettes_folder / 'faults.jsonl')


def test_nothing_is_repaired_in_place(cassettes_folder: Path, tmp_path: Path) -> None:
    run('import', cassettes_folder / 'faults.jsonl', '-o', tmp_path / 'c.kmock')
    result = run('repair', tmp_path / 'c.kmock', '-o', tmp_path / 'c.kmock', '--force')
    assert result.exit_code == 2
    assert 'in place' in result.stderr


# --- show


def test_show_gives_a_summary_and_a_timeline(cassettes_folder: Path) -> None:
    result = run('show', cassettes_folder / 'faults.jsonl')
    assert result.exit_code == 0
    assert '53' in result.stdout
    assert '/api/v1/namespaces/tr-faults/configmaps' in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_show_id_gives_one_exchange_in_full(cassettes_folder: Path) -> None:
    result = run('show', cassettes_folder / 'faults.jsonl', '--id', '1')
    assert result.exit_code == 0
    assert result.stdout.startswith('#1 at ')
    assert '\n> POST /api/v1/namespaces\n' in result.stdout


def test_show_text_serves_git_diff(cassettes_folder: Path) -> None:
    result = run('show', cassettes_folder / 'faults.jsonl', '--text')
    assert result.exit_code == 0
    assert result.stdout.startswith('created: ')


def test_show_html_writes_a_page(cassettes_folder: Path, tmp_path: Path) -> None:
    assert run('show', cassettes_folder / 'faults.jsonl', '--html', tmp_path / 'page.html').exit_code == 0
    assert (tmp_path / 'page.html').read_text().startswith('<!doctype html>')


def test_show_gives_one_view_at_a_time(cassettes_folder: Path) -> None:
    result = run('show', cassettes_folder / 'faults.jsonl', '--text', '--id', '1')
    assert result.exit_code == 2


def test_show_survives_a_terminal_that_knows_few_characters(
    cassettes_folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    env = {**env, 'PYTHONIOENCODING': 'ascii'}
    result = kmock('show', cassettes_folder / 'faults.jsonl', env=env, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, '')
    assert os.linesep in result.stdout
