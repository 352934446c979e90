# Completion of postboat(1) for bash. Goes to ~/.local/share/bash-completion/completions/postboat.

_postboat_accounts() { # the accounts of the configuration that is named with -c, or else used
    local file= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -c || ${COMP_WORDS[i]} == --config ]] && file=${COMP_WORDS[i + 1]/#\~/$HOME}
    done
    if [[ -z $file ]]; then
        local config=${XDG_CONFIG_HOME:-$HOME/.config}
        for file in "$config/postboat/config.toml" "$config/offlineimap/config" "$HOME/.offlineimaprc"; do
            [[ -f $file ]] && break
        done
    fi
    [[ -f $file ]] && sed -nE 's/^[[:space:]]*\[[Aa]ccount[.[:space:]][[:space:]]*"?([^]"]*)"?\].*/\1/p' "$file"
}

_postboat_offer() { # what of these lines begins with the word that is completed
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}"))
    ((${#COMPREPLY[@]})) && COMPREPLY=($(printf '%q\n' "${COMPREPLY[@]}"))
}

_postboat() {
    local command= word previous=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='sync check folders confirm restore status top now pause resume reload stop service'
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ -z $command && " $commands " == *" $word "* ]] && command=$word
    done
    COMPREPLY=()
    case $previous in
        -c | --config | -l | --logfile | --replay)
            compopt -o filenames 2> /dev/null
            local IFS=$'\n'
            COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
            return
            ;;
        -a | --account) _postboat_offer "$(_postboat_accounts)" && return ;;
        -d | --debug) _postboat_offer $'imap\nmaildir\nledger\nsync\nconfig\nservice\nui\nall' && return ;;
        -u | --ui) _postboat_offer $'tty\nblinkenlights\ntk\nbasic\nquiet\nsyslog\njsonl\nmachineui' && return ;;
        --format) _postboat_offer $'screen\nplain\nwaybar\njson' && return ;;
        -k | --set | -f | --folder | --deleted | --speed) return ;;
    esac
    if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
        local options='-h --help --version -c --config -a --account -k --set -l --logfile -d --debug'
        case $command in
            '' | sync) options+=' -f --folder -o --once -q --quick -1 --dry-run --one-way --wait --retry -u --ui --json' ;;
            check | folders) options+=' --json' ;;
            confirm) options+=' -u --ui --json' ;;
            restore) options+=' --deleted -u --ui --json' ;;
            status) options+=' --json --follow --format' ;;
            top) options+=' --replay --speed --ascii --still' ;;
            now) options+=' --wait' ;;
            stop) options+=' --finish' ;;
            service) options+=' --timer --now --force' ;;
        esac
        _postboat_offer "${options// /$'\n'}"
        return
    fi
    case $command in
        '') _postboat_offer "${commands// /$'\n'}" ;;
        confirm | restore | now | pause | resume) _postboat_offer "$(_postboat_accounts)" ;;
        service) _postboat_offer $'install\nuninstall\nstatus' ;;
    esac
}

complete -F _postboat postboat
