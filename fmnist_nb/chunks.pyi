# What type checkers and editors read: they see no @patch. Kept by hand; `nox -s types` holds it against the module
# mypy: disable-error-code="assignment, override, overload-overlap"
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, SupportsIndex, TypeVar, overload

__all__ = ['label_names', 'index_to_label', 'chunks', 'load_lists']

_T = TypeVar('_T')
class _HasSlices(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> Any: ...
_Slices = TypeVar('_Slices', bound=_HasSlices)
label_names: tuple[str, ...]
index_to_label: dict[int, str]
@overload
def chunks(x: _Slices, size: SupportsIndex) -> Iterator[_Slices]: ...
@overload
def chunks(x: Iterable[_T], size: SupportsIndex) -> Iterator[list[_T]]: ...
def load_lists(dataset: str = 'fashion-mnist') -> tuple[list[list[int]], list[int], list[list[int]], list[int]]: ...
