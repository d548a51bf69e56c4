"""Scripts that complete the command line in bash, zsh and fish, each made from a described parser.

A script knows commands, options and choices itself and starts no process for them; only the names of services and versions are
asked for, of ``fastgw completion SHELL --names``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fastgw.cli.described import Argument, Command

WHERE: Final = ("-c", "--config", "--socket")  #: options that tell where names come from

_BASH: Final = r"""# Completion of fastgw for bash, made by "fastgw completion bash".
_fastgw_words() {
    words= options= values= arguments=
    case $1 in
@CASES@
    esac
}

# What may stand in a place of this kind.
_fastgw_kind() {
    case $1 in
    file) compopt -o default 2>/dev/null ;;
    service) COMPREPLY=($(compgen -W "$(fastgw completion bash --names services "${where[@]}" 2>/dev/null)" -- "$cur")) ;;
    version) COMPREPLY=($(compgen -W "$(fastgw completion bash --names versions --of "${given[0]}" "${where[@]}" 2>/dev/null)" \
        -- "$cur")) ;;
    =*) kind=${1#=} && COMPREPLY=($(compgen -W "${kind//,/ }" -- "$cur")) ;;
    esac
}

_fastgw() {
    local words options values arguments word option= kind= command= index is_end= cur=${COMP_WORDS[COMP_CWORD]}
    local -a where=() given=() places=()
    COMPREPLY=()
    _fastgw_words ''
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if [[ $word == '=' && -n $kind ]]; then
            continue
        elif [[ -n $kind ]]; then
            case $option in @WHERE@) where=("$option" "$word") ;; esac
            kind=
        elif [[ $word == -- ]]; then
            is_end=1
        elif [[ $word == -* && -z $is_end ]]; then
            case " $values " in
            *" $word:"*)
                option=$word kind=${values#*"$word:"} kind=${kind%% *}
                ;;
            esac
        elif [[ " $words " == *" $word "* ]]; then
            command="${command:+$command }$word"
            _fastgw_words "$command"
        else
            given+=("$word")
        fi
    done
    [[ $cur == '=' && -n $kind ]] && cur=
    if [[ -n $kind ]]; then
        _fastgw_kind "$kind"
    elif [[ $cur == -* && -z $is_end ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
    else
        places=($arguments)
        index=${#given[@]}
        ((index >= ${#places[@]} && ${#places[@]})) && [[ ${places[-1]} == *'*' ]] && index=$((${#places[@]} - 1))
        kind=${places[index]-}
        _fastgw_kind "${kind%\*}"
    fi
}
complete -F _fastgw fastgw"""

_ZSH: Final = """\
#compdef fastgw
# Completion of fastgw for zsh, made by "fastgw completion zsh".
_fastgw_names() {
    local -a where found
    local flag
    for flag in @WHERE@; do
        [[ -n ${opt_args[$flag]-} ]] && where=($flag ${(Q)opt_args[$flag]})
    done
    found=(${(f)"$(fastgw completion zsh --names $1 $where --of "${(Q)2-}" 2>/dev/null)"})
    compadd -a found
}

@FUNCTIONS@

if [[ $funcstack[1] == _fastgw ]]; then
    _fastgw "$@"
else
    compdef _fastgw fastgw
fi"""

_FISH: Final = """\
# Completion of fastgw for fish, made by "fastgw completion fish".
# The words that are neither options nor their values; arguments: options that have a value.
function __fastgw_words
    set -l is_value 0
    for word in (commandline -opc)[2..]
        if test $is_value = 1
            set is_value 0
        else if contains -- $word $argv
            set is_value 1
        else if not string match -q -- '-*' $word
            echo -- $word
        end
    end
end

# Is this the command, with so many words behind it, or (without a number) with any?  __fastgw_at COMMAND NUMBER OPTION...
function __fastgw_at
    set -l words (__fastgw_words $argv[3..])
    set -l command (string split -n ' ' -- $argv[1])
    test "$words[1..$(count $command)]" = "$argv[1]"; or return 1
    test -z "$argv[2]"; or test (count $words) = (math (count $command) + $argv[2])
end

function __fastgw_first
    test (count (__fastgw_words)) = 0
end

function __fastgw_names
    set -l tokens (commandline -opc)
    set -l where
    set -l words (__fastgw_words @WHERE@)
    for flag in @WHERE@
        if set -l place (contains -i -- $flag $tokens)
            set where $flag $tokens[(math $place + 1)]
        else if set -l found (string match -r -- "^$flag=(.*)" $tokens)
            set where $flag $found[2]
        end
    end
    fastgw completion fish --names $argv[1] $where --of "$words[2]" 2>/dev/null
end

complete -c fastgw -f
@LINES@"""


def bash(program: Command) -> str:
    """The script for bash."""
    return _BASH.replace("@CASES@", "\n".join(_bash_cases(program))).replace("@WHERE@", " | ".join(WHERE))


def _bash_cases(program: Command) -> Iterator[str]:
    for one in program.walk():
        values = [f"{flag}:{_bash_kind(option)}" for option in one.options if option.value for flag in option.flags]
        places = [_bash_kind(place) + ("*" if place.may_repeat else "") for place in one.arguments]
        yield f"    '{' '.join(one.words)}')"
        told = {
            "words": [command.words[-1] for command in one.commands],
            "options": [flag for option in one.options for flag in option.flags],
            "values": values,
            "arguments": places,
        }
        yield "        " + " ".join(f"{name}='{' '.join(words)}'" for name, words in told.items() if words)
        yield "        ;;"


def _bash_kind(argument: Argument) -> str:
    return f"={','.join(argument.choices)}" if argument.choices else argument.kind or "none"


def zsh(program: Command) -> str:
    """The script for zsh."""
    functions = "\n\n".join("\n".join(_zsh_function(one)) for one in program.walk())
    return _ZSH.replace("@FUNCTIONS@", functions).replace("@WHERE@", " ".join(WHERE))


def _zsh_function(command: Command) -> Iterator[str]:
    name = "_".join(("_fastgw", *command.words))
    yield f"{name}() {{"
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    specs = [*(_zsh_option(one) for one in command.options), *(_zsh_argument(one) for one in command.arguments)]
    if command.commands:
        specs += ["'1: :->command'", "'*:: :->rest'"]
    yield "    _arguments -C -s \\"
    yield " \\\n".join(f"        {spec}" for spec in specs)
    if command.commands:
        yield "    case $state in"
        yield "    command)"
        yield "        local -a commands=("
        yield from (f"            {_quoted(one.words[-1] + ':' + one.help)}" for one in command.commands)
        yield "        )"
        yield "        _describe command commands"
        yield "        ;;"
        yield "    rest)"
        yield f"        (( $+functions[{name}_$line[1]] )) && {name}_$line[1]"
        yield "        ;;"
        yield "    esac"
    yield "}"


def _zsh_option(option: Argument) -> str:
    excluded = [] if option.may_repeat else list(option.flags)
    group = f"({' '.join([*excluded, *option.excludes])})" if excluded or option.excludes else ""
    repeat = "*" if option.may_repeat else ""
    told = _escaped(option.help)
    value = f":{_escaped(option.value)}:{_zsh_action(option)}" if option.value else ""
    return " ".join(_quoted(f"{group}{repeat}{flag}[{told}]{value}") for flag in option.flags)


def _zsh_argument(argument: Argument) -> str:
    # two colons: it may be left out
    lead = "*" if argument.may_repeat else "" if argument.is_required else ":"
    return _quoted(f"{lead}:{_escaped(argument.value)}:{_zsh_action(argument)}")


def _zsh_action(argument: Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    # with a space in front it is called with these words alone
    kinds = {"file": "_files", "service": " _fastgw_names services", "version": " _fastgw_names versions $line[1]"}
    return kinds.get(argument.kind, " ")


def _escaped(text: str) -> str:
    for one in "\\[]:":
        text = text.replace(one, "\\" + one)
    return text


def _quoted(text: str) -> str:
    """For bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def fish(program: Command) -> str:
    """The script for fish."""
    return _FISH.replace("@LINES@", "\n".join(_fish_lines(program))).replace("@WHERE@", " ".join(WHERE))


def _fish_lines(program: Command) -> Iterator[str]:
    for command in program.walk():
        words = " ".join(command.words)
        valued = " ".join(flag for option in command.options if option.value for flag in option.flags)

        def at(place: str, words: str = words, valued: str = valued) -> str:
            return f"-n \"__fastgw_at '{words}' '{place}' {valued}\"" if words else "-n __fastgw_first"

        for below in command.commands:
            yield f"complete -c fastgw {at('0')} -a {below.words[-1]} -d {_fish_quoted(below.help)}"
        for option in command.options:
            names = " ".join(f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}" for one in option.flags)
            value = (
                f" -r{_fish_values(option)}"
                if option.kind == "file"
                else f" -x{_fish_values(option)}"
                if option.value
                else ""
            )
            yield f"complete -c fastgw {at('')} {names}{value} -d {_fish_quoted(option.help)}"
        for place, argument in enumerate(command.arguments):
            found = _fish_values(argument)
            if found:
                yield f"complete -c fastgw {at('' if argument.may_repeat else str(place))}{found}"


def _fish_values(argument: Argument) -> str:
    if argument.choices:
        return f" -a {_fish_quoted(' '.join(argument.choices))}"
    kinds = {"file": " -F", "service": " -a '(__fastgw_names services)'", "version": " -a '(__fastgw_names versions)'"}
    return kinds.get(argument.kind, "")


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Final[dict[str, Callable[[Command], str]]] = {"bash": bash, "zsh": zsh, "fish": fish}
