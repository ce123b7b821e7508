"""`noahpy completion SHELL`: options and sub-commands as cli.py declares them; PROGRAM and its arguments by the shell."""

from __future__ import annotations

from .cli import ALL_OPTIONS, CHOICES, COMMANDS

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """The script that teaches `shell` to complete noahpy's command line."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _forms(takes_value: bool) -> list[str]:
    return [form for short, name, value, _ in ALL_OPTIONS if bool(value) == takes_value for form in (short, name) if form]


def _words(args: str) -> str:
    return args.strip("[]").replace("|", " ")


def _quoted(text: str) -> str:
    """One word of bash or zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _bash() -> str:
    names = " ".join(name for name, _, _ in COMMANDS)

    def offer(case: str, words: str) -> str:
        return f'            {case}) COMPREPLY=($(compgen -W {_quoted(words)} -- "$cur")) ;;'

    values = "\n".join(offer(name, " ".join(words)) for name, words in CHOICES.items())
    commands = "\n".join(offer(f"1:{name}", _words(args)) for name, args, _ in COMMANDS)
    return f"""\
# bash: source <(noahpy completion bash)
_noahpy() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            --) ((i++)); break ;;
            {"|".join(_forms(takes_value=True))}) ((i++)) ;;
            -*) ;;
            *) break ;;
        esac
    done
    if ((i < COMP_CWORD)); then
        case $i:${{COMP_WORDS[1]}} in
{commands}
            *) _noahpy_program "$i" ;;
        esac
    elif ((i > COMP_CWORD)); then
        case ${{COMP_WORDS[COMP_CWORD - 1]}} in
            -U|--unset) COMPREPLY=($(compgen -v -- "$cur")) ;;
            -E|--env) COMPREPLY=($(compgen -v -S = -- "$cur")); compopt -o nospace ;;
            -o|--output) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
{values}
        esac
    elif [[ $cur == -* && ${{COMP_WORDS[COMP_CWORD - 1]}} != -- ]]; then
        COMPREPLY=($(compgen -W '{" ".join(_forms(takes_value=True) + _forms(takes_value=False))}' -- "$cur"))
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(
            ((COMP_CWORD > 1)) || compgen -W '{names}' -- "$cur"
            compgen -c -- "$cur"
            compgen -f -- "$cur"
        )
    fi
}}
# The guest's own completion, where bash-completion has one; file names else.
_noahpy_program() {{
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")
    fi
}}
complete -F _noahpy noahpy
"""


def _zsh() -> str:
    rows = []
    for short, name, value, what in ALL_OPTIONS:
        forms = f"'({short} {name})'{{{short},{name}}}" if short else f"'{name}'"
        words = " ".join(CHOICES.get(name, ()))
        action = f"({words})" if words else "_files" if value == "FILE" else ""
        rows.append(f"    {forms}{_quoted(f'[{what}]' + (f':{value}:{action}' if value else ''))} \\\n")
    commands = " ".join(_quoted(f"{name}:{what}") for name, _, what in COMMANDS)
    arguments = "\n".join(f"        {name}) compadd -- {_words(args)} ;;" for name, args, _ in COMMANDS)
    return f"""\
#compdef noahpy
# zsh: noahpy completion zsh > a folder of $fpath/_noahpy
_noahpy_program() {{
    local -a own=({commands})
    ((CURRENT == 2)) && _describe command own
    _command_names -e
    _files
}}
_noahpy_arguments() {{
    case $words[1] in
{arguments}
        *) _normal ;;
    esac
}}
_noahpy() {{
    _arguments -S \\
{"".join(rows)}    '1:program:_noahpy_program' \\
    '*::arguments:_noahpy_arguments'
}}
if [[ $funcstack[1] == _noahpy ]]; then _noahpy "$@"; else compdef _noahpy noahpy; fi
"""


def _fish() -> str:
    specs = []
    lines = []
    for short, name, value, what in ALL_OPTIONS:
        specs.append(f"{f'{short[1:]}/' if short else ''}{name[2:]}{'=+' if value else ''}")
        forms = f"-s {short[1:]} -l {name[2:]}" if short else f"-l {name[2:]}"
        words = " ".join(CHOICES.get(name, ()))
        takes = f"-x -a '{words}' " if words else "-r -F " if value == "FILE" else "-x " if value else ""
        lines.append(f"complete -c noahpy -n 'not __noahpy_guest' {takes}{forms} -d {_fish_quoted(what)}")
    for name, args, what in COMMANDS:
        lines.append(f"complete -c noahpy -n '__fish_is_nth_token 1' -a {name} -d {_fish_quoted(what)}")
        lines.append(f"complete -c noahpy -x -n '__fish_seen_subcommand_from {name}' -a '{_words(args)}'")
    names = " ".join(name for name, _, _ in COMMANDS)
    return f"""\
# fish: noahpy completion fish > ~/.config/fish/completions/noahpy.fish
function __noahpy_guest
    set -l tokens (commandline -opc) (commandline -ct)
    set -e tokens[1]
    argparse -s {" ".join(specs)} -- $tokens 2>/dev/null
    test -n "$argv"; and not string match -qr '^-' -- $argv[1]; and string join0 -- $argv
end
function __noahpy_complete_guest
    set -l args (__noahpy_guest | string split0)
    __fish_complete_subcommand --commandline $args
end
complete -c noahpy -x -n 'not __fish_seen_subcommand_from {names}' -a '(__noahpy_complete_guest)'
""" + "".join(f"{line}\n" for line in lines)


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"
