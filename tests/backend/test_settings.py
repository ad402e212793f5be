"""Tests of backend/settings.py."""

import pytest

from backend.settings import Settings


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"WORKBENCH_PORT": "8000", "WORKBENCH_DEVICE": "cpu"}
    settings = Settings.read(["--port", "9000"], environ)
    assert (settings.port, settings.device, settings.offline) == (9000, "cpu", "auto")


@pytest.mark.parametrize(
    "arguments", [["--port", "many"], ["--port", "-1"], ["--launcher", "rocket"], ["--public", "perhaps"]]
)
def test_a_bad_value_ends_with_a_message_that_names_the_flag(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Settings.read(arguments, {})
    assert arguments[0] in capsys.readouterr().err


def test_a_space_serves_everyone_and_keeps_visitors_apart() -> None:
    settings = Settings.read([], {"SPACE_ID": "someone/workbench"})
    assert settings.host == "0.0.0.0" and settings.public


def test_a_bare_switch_means_yes() -> None:
    assert Settings.read(["--public"], {}).public
