"""C structs of the kernel's as Python tuples with named fields.

    class Timespec(Struct):
        tv_sec: s64
        tv_nsec: s64

    Timespec.size; Timespec.pack(1, 0); Timespec.unpack(data).tv_sec; bytes(Rusage(ru_maxrss=4096))

A field's annotation is its C type: `u8` ... `s64`, another struct's class, `u32x4` for an array (a tuple), `char65` for bytes,
`pad4` for bytes that are no value. Alignment and padding are C's on LP64, little-endian. What a class needs is computed at its
first use, for start-up's sake. Field names are the kernel's; one that Python or Struct needs ends in an underscore (`size_`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from struct import Struct as Packer
    from typing import Any, ClassVar, TypeAlias, TypeVar

    S = TypeVar("S", bound="Struct")

    u8: TypeAlias = int
    u16: TypeAlias = int
    u32: TypeAlias = int
    u64: TypeAlias = int
    s8: TypeAlias = int
    s16: TypeAlias = int
    s32: TypeAlias = int
    s64: TypeAlias = int
    char108: TypeAlias = bytes
    char65: TypeAlias = bytes
    pad2: TypeAlias = None
    pad24: TypeAlias = None
    pad28: TypeAlias = None
    pad32: TypeAlias = None
    pad4: TypeAlias = None
    pad44: TypeAlias = None
    pad64: TypeAlias = None
    pad96: TypeAlias = None
    u32x2: TypeAlias = tuple[int, ...]
    u64x3: TypeAlias = tuple[int, ...]
    u8x19: TypeAlias = tuple[int, ...]

_SCALARS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "s8": "b", "s16": "h", "s32": "i", "s64": "q"}


def _field(index: int) -> property:
    return property(lambda self: self[index])


class _Kind:
    """A field's type: its codes for `struct`, size and alignment in bytes, and how its flat values become one."""

    def __init__(self, code: str, size: int, align: int, *, count: int, zero: Any, join: Callable[[Any], Any] | None) -> None:
        self.code = code
        self.size = size
        self.align = align
        self.count = count  # of flat values
        self.zero = zero
        self.join = join  # None: the flat value is the field's


def kind_of(text: str, owner: type) -> _Kind:
    """The type that an annotation in the class `owner` names."""
    if text in _SCALARS:
        size = int(text[1:]) // 8
        return _Kind(_SCALARS[text], size, size, count=1, zero=0, join=None)
    if text[:4] == "char":
        return _Kind(f"{text[4:]}s", int(text[4:]), 1, count=1, zero=b"", join=None)
    if text[:3] == "pad":
        return _Kind(f"{text[3:]}x", int(text[3:]), 1, count=0, zero=None, join=None)
    if text[0] in "us" and "x" in text:
        scalar, _, number = text.partition("x")
        size, count = int(scalar[1:]) // 8, int(number)
        return _Kind(_SCALARS[scalar] * count, size * count, size, count=count, zero=(0,) * count, join=tuple)
    import sys

    struct: type[Struct] = vars(sys.modules[owner.__module__])[text]
    return _Kind(struct._code, struct.size, struct._align, count=struct._count, zero=struct(), join=struct._join)


class _StructType(type):
    """Computes a struct's layout when something of it is first asked for."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _StructType:
        namespace["__slots__"] = ()
        if bases[0] is not tuple:
            namespace["_rows"] = {**vars(bases[0])["_rows"], **namespace.get("__annotations__", {})}
            bases = (Struct,)
        return super().__new__(mcs, name, bases, namespace)

    def __getattr__(cls, name: str) -> Any:
        if "size" in vars(cls) or cls is Struct:
            raise AttributeError(f"{cls.__name__} has no {name}")
        cls._lay_out()
        return getattr(cls, name)


class Struct(tuple, metaclass=_StructType):  # type: ignore[type-arg]
    """Base of all structs. `Name(...)` takes values by place or by name; a field not given is zero.

    A struct that inherits from another starts with the other's fields.
    """

    packed_ = False  # __attribute__((packed))
    size_at_least_ = 0  # bytes: for a view of a union
    c_name_ = ""  # as the headers write it; "" where no header has it
    _rows: ClassVar[dict[str, str]] = {}  # field: type

    if TYPE_CHECKING:
        size: ClassVar[int]  # bytes
        fields: ClassVar[tuple[str, ...]]
        offsets: ClassVar[dict[str, int]]  # in bytes
        _kinds: ClassVar[list[_Kind]]  # of the fields
        _plain: ClassVar[bool]  # each field is one flat value
        _struct: ClassVar[Packer]
        _code: ClassVar[str]
        _align: ClassVar[int]
        _count: ClassVar[int]

    def __new__(cls: type[S], *values: Any, **named: Any) -> S:
        missing = cls.fields[len(values) :]
        if missing:
            values += tuple([named.pop(n, k.zero) for n, k in zip(missing, cls._kinds[len(values) :], strict=True)])
        if named or len(values) > len(cls.fields):
            raise TypeError(f"{cls.__name__} has the fields {', '.join(cls.fields)}")
        return tuple.__new__(cls, values)

    @classmethod
    def pack(cls, *values: Any) -> bytes:
        """The struct's bytes from all of its fields' values in order."""
        return cls._struct.pack(*values) if cls._plain else cls._struct.pack(*cls._split(values))

    @classmethod
    def unpack(cls: type[S], data: bytes | bytearray | memoryview) -> S:
        """The struct of exactly `size` bytes of data."""
        return cls._join(cls._struct.unpack(data))

    @classmethod
    def unpack_from(cls: type[S], data: bytes | bytearray | memoryview, offset: int = 0) -> S:
        """The struct at a byte offset of `data`."""
        return cls._join(cls._struct.unpack_from(data, offset))

    @classmethod
    def iter_unpack(cls: type[S], data: bytes | bytearray | memoryview) -> Iterator[S]:
        """The structs of an array."""
        return map(cls._join, cls._struct.iter_unpack(data))

    def __bytes__(self) -> bytes:
        return self.pack(*self)

    def replace(self: S, **named: Any) -> S:
        """The same with other values for the fields that are named."""
        return type(self)(**{**dict(zip(self.fields, self, strict=True)), **named})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([f'{n}={v!r}' for n, v in zip(self.fields, self, strict=True)])})"

    @classmethod
    def _join(cls: type[S], flat: tuple[Any, ...]) -> S:
        if cls._plain:
            return tuple.__new__(cls, flat)
        values: list[Any] = []
        at = 0
        for kind in cls._kinds:
            values.append(kind.join(flat[at : at + kind.count]) if kind.join else flat[at])
            at += kind.count
        return tuple.__new__(cls, values)

    @classmethod
    def _split(cls, values: tuple[Any, ...]) -> list[Any]:
        flat: list[Any] = []
        for kind, value in zip(cls._kinds, values, strict=True):
            if isinstance(value, Struct):
                flat += value._split(value)
            elif kind.join:
                flat += value
            else:
                flat.append(value)
        return flat

    @classmethod
    def _lay_out(cls) -> None:
        from _struct import Struct as Packer

        fields: list[str] = []
        kinds: list[_Kind] = []
        offsets: dict[str, int] = {}
        code, offset, align = "", 0, 1
        for name, text in cls._rows.items():
            kind = kind_of(text, cls)
            step = 1 if cls.packed_ else kind.align
            padding = -offset % step
            offsets[name] = offset + padding
            code += "x" * padding + kind.code
            offset += padding + kind.size
            align = max(align, step)
            if kind.count:
                if hasattr(Struct, name):
                    raise TypeError(f"{cls.__name__}.{name}: a Struct has this name for itself")
                setattr(cls, name, _field(len(fields)))
                fields.append(name)
                kinds.append(kind)
        end = max(offset, cls.size_at_least_)
        end += -end % align
        cls._code = code + "x" * (end - offset)
        cls._struct = Packer("<" + cls._code)
        cls._align = align
        cls._kinds = kinds
        cls._count = sum([kind.count for kind in kinds])
        cls._plain = all(kind.join is None for kind in kinds)
        cls.fields = tuple(fields)
        cls.offsets = offsets
        cls.size = end
