"""The C module (native/api.h): the one place where types end."""

from typing import Any

ffi: Any
lib: Any
