"""What all answers have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

ItemT = TypeVar("ItemT")


class Answer(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer, Generic[ItemT]):
    """One page of a longer answer."""

    next_page_token: str

    @property
    @abstractmethod
    def items(self) -> Sequence[ItemT]:
        """The items of this page."""
