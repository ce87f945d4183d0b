"""Settings classes as environment variables, and fields that the environment must not set."""

from typing import Annotated, Literal

import pytest
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from quintet_settings import FIXED, EnvironmentSettings, Variable, variables_of


class ExampleSettings(EnvironmentSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_", populate_by_name=True)

    seconds: float = Field(default=2.0, gt=0, le=60, description="Seconds.")
    count: int = Field(default=3, ge=1, description="How many.")
    form: Literal["a", "b", "c"] = Field(default="a", description="Form.")
    quick: bool = Field(default=True, description="Whether.")
    key: SecretStr = Field(default=SecretStr("k"), description="Key.")
    named: str = Field(default="", validation_alias="OTHER_NAME")
    either: str = Field(default="x", validation_alias=AliasChoices("FIRST", "SECOND"))
    poll: Annotated[float, FIXED] = Field(default=1.0, gt=0, le=10)


def test_variables_have_name_default_meaning_range_and_secrecy_in_order():
    assert list(variables_of(ExampleSettings)) == [
        Variable("EXAMPLE_SECONDS", "2.0", "Seconds.", "above 0 to 60"),
        Variable("EXAMPLE_COUNT", "3", "How many.", "1 or more"),
        Variable("EXAMPLE_FORM", "a", "Form.", "a, b or c"),
        Variable("EXAMPLE_QUICK", "true", "Whether.", "true or false"),
        Variable("EXAMPLE_KEY", "k", "Key.", "", secret=True),
        Variable("OTHER_NAME", "", ""),
        Variable("FIRST", "x", ""),
        Variable("SECOND", "x", ""),
    ]


def test_the_environment_does_not_set_a_fixed_field(monkeypatch):
    monkeypatch.setenv("EXAMPLE_POLL", "5")
    monkeypatch.setenv("EXAMPLE_COUNT", "7")
    read = ExampleSettings()
    assert (read.poll, read.count) == (1.0, 7)


def test_an_argument_sets_a_fixed_field_within_its_range():
    assert ExampleSettings(poll=0.1).poll == 0.1
    with pytest.raises(ValidationError):
        ExampleSettings(poll=11)
