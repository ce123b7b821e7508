"""The CPU that a program is told it has (`--cpu`): levels of the x86-64 psABI and single features, as bits of CPUID.

Imported only when it is asked for. A table of CPUID is {(function, index): [eax, ebx, ecx, edx]}; any engine can give and
take one. What belongs to the machine and not to the instruction set (SYSCALL, XSAVE, RDTSCP, which the host's vDSO uses)
is not to be chosen, and is in every level.
"""

from __future__ import annotations

from .errors import CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Table = dict[tuple[int, int], list[int]]

EAX, EBX, ECX, EDX = range(4)

# Function and index of CPUID, register, then bit and name of each feature (as /proc/cpuinfo has it; AMD64 Architecture
# Programmer's Manual vol. 3, appendix E; SDM vol. 2A, CPUID).
_BITS = (
    (1, 0, ECX, "0 pni, 1 pclmulqdq, 9 ssse3, 12 fma, 13 cx16, 19 sse4_1, 20 sse4_2, 22 movbe, 23 popcnt, 25 aes, 28 avx,"
                "29 f16c, 30 rdrand"),
    (7, 0, EBX, "0 fsgsbase, 3 bmi1, 4 hle, 5 avx2, 8 bmi2, 11 rtm, 16 avx512f, 17 avx512dq, 18 rdseed, 19 adx,"
                "21 avx512ifma, 23 clflushopt, 24 clwb, 26 avx512pf, 27 avx512er, 28 avx512cd, 29 sha_ni,"
                "30 avx512bw, 31 avx512vl"),
    (7, 0, ECX, "1 avx512vbmi, 6 avx512_vbmi2, 8 gfni, 9 vaes, 10 vpclmulqdq, 11 avx512_vnni, 12 avx512_bitalg,"
                "14 avx512_vpopcntdq, 27 movdiri, 28 movdir64b"),
    (7, 0, EDX, "2 avx512_4vnniw, 3 avx512_4fmaps, 8 avx512_vp2intersect, 23 avx512_fp16"),
    (7, 1, EAX, "0 sha512, 1 sm3, 2 sm4, 4 avx_vnni, 5 avx512_bf16, 23 avx_ifma"),
    (7, 1, EDX, "4 avx_vnni_int8, 5 avx_ne_convert, 10 avx_vnni_int16"),
    (0x80000001, 0, ECX, "0 lahf_lm, 5 abm, 6 sse4a, 11 xop, 16 fma4, 21 tbm"),
    (0x80000001, 0, EDX, "30 3dnowext, 31 3dnow"),
)  # fmt: skip
FEATURES = {
    entry.split()[1]: (function, index, register, int(entry.split()[0]))
    for function, index, register, entries in _BITS
    for entry in entries.split(",")
}

# Compilers' names (the psABI's, GCC's -m options) for those that /proc/cpuinfo calls otherwise.
_ALIASES = {"sse3": "pni", "lzcnt": "abm", "sse4.1": "sse4_1", "sse4.2": "sse4_2", "sahf": "lahf_lm", "sha": "sha_ni",
            "pclmul": "pclmulqdq", "rdrnd": "rdrand", "avx512vbmi2": "avx512_vbmi2", "avx512vnni": "avx512_vnni"}  # fmt: skip

# What a feature cannot be without; every avx512 but the first, and what is of AVX, follow from their names.
_NEEDS = {
    "ssse3": "pni", "sse4_1": "ssse3", "sse4_2": "sse4_1", "sse4a": "pni", "avx": "sse4_2", "f16c": "avx", "fma": "avx",
    "fma4": "avx", "xop": "avx", "avx2": "avx", "vaes": "avx2 aes", "vpclmulqdq": "avx2 pclmulqdq", "sha512": "avx2",
    "sm3": "avx", "sm4": "avx2", "avx512f": "avx2 fma f16c", "3dnowext": "3dnow",
}  # fmt: skip

_V2 = {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}
_V3 = _V2 | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
LEVELS = {
    "x86-64-v1": set(),
    "x86-64-v2": _V2,
    "x86-64-v3": _V3,
    "x86-64-v4": _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
HOST = "host"

# Components of the extended state (SDM vol. 1, 13.1) and the feature that each is for.
_COMPONENTS = {2: "avx", 5: "avx512f", 6: "avx512f", 7: "avx512f"}
_XSAVE = 0xD
_XSAVE_LEGACY = 576
_HWCAP2_FSGSBASE = 2


class Cpu:
    """A CPU as asked for: a level or the host's own features, then features on and off; later words win."""

    __slots__ = ("text", "_level", "_words")

    def __init__(self, text: str) -> None:
        self.text = text
        self._level: set[str] | None = None
        self._words: list[tuple[str, str]] = []  # sign, feature
        for place, word in enumerate(text.split(",")):
            if word[:1] in ("+", "-"):
                self._words.append((word[0], _feature(word[1:])))
            elif place == 0 and word in LEVELS:
                self._level = LEVELS[word]
            elif place or word != HOST:
                raise CannotRun(f"--cpu {text}: '{word}' is neither one of {', '.join(LEVELS)}, nor +FEATURE, nor -FEATURE")

    def shape(self, table: Table) -> None:
        """Take from `table`, which is all that the engine can do, what this CPU lacks; CannotRun if that is not enough."""
        possible = {name for name in FEATURES if _has(table, name)}
        features = set(possible if self._level is None else self._level)
        for sign, name in self._words:
            if sign == "+":
                features |= _needed({name})
            else:
                features -= {other for other in features if name in _needed({other})}
        missing = features - possible
        if missing:
            raise CannotRun(f"--cpu {self.text}: there is no {', '.join(sorted(missing))} to be had here")
        for name in possible - features:
            function, index, register, bit = FEATURES[name]
            table[function, index][register] &= ~(1 << bit)
        _limit_state(table, [number for number, name in _COMPONENTS.items() if name not in features])


def hwcaps(table: Table) -> tuple[int, int]:
    """AT_HWCAP and AT_HWCAP2 of getauxval(3): CPUID 1's EDX, and whether user code may use WRFSBASE."""
    return table[1, 0][EDX], _HWCAP2_FSGSBASE if _has(table, "fsgsbase") else 0


def _feature(name: str) -> str:
    name = _ALIASES.get(name, name)
    if name not in FEATURES:
        raise CannotRun(f"--cpu: unknown or unchangeable feature '{name}'; their names are those of /proc/cpuinfo")
    return name


def _has(table: Table, name: str) -> bool:
    function, index, register, bit = FEATURES[name]
    return (function, index) in table and table[function, index][register] >> bit & 1 == 1


def _needed(names: Iterable[str]) -> set[str]:
    """`names` and all that they need."""
    found = set(names)
    for name in names:
        needs = _NEEDS.get(name) or ("avx512f" if name.startswith("avx512") else "avx2" if name.startswith("avx_") else "")
        found |= _needed(needs.split())
    return found


def _limit_state(table: Table, components: list[int]) -> None:
    """XSAVE and XCR0 do not know `components`."""
    state = table.get((_XSAVE, 0))
    if state is None:
        return
    for number in components:
        state[EAX] &= ~(1 << number)
        if (_XSAVE, number) in table:
            table[_XSAVE, number] = [0, 0, 0, 0]
    ends = [
        leaf[EAX] + leaf[EBX]
        for (function, index), leaf in table.items()
        if function == _XSAVE and 1 < index < 32 and state[EAX] >> index & 1
    ]
    state[EBX] = state[ECX] = max([_XSAVE_LEGACY, *ends])
