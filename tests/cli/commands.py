"""Commands that must fail."""

from densnet.cli import main


def refused(capsys, *arguments):
    """Run a command that must fail; return its single line."""
    assert main(["-q", *map(str, arguments)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].startswith("densnet: ")
    return "\n".join(lines)
