# Completion of postboat(1) for fish. Goes to ~/.config/fish/completions/postboat.fish.

function __postboat_accounts --description 'The accounts of the configuration that is used'
    set -l config $XDG_CONFIG_HOME
    test -n "$config"; or set config ~/.config
    for file in $config/postboat/config.toml $config/offlineimap/config ~/.offlineimaprc
        if test -f $file
            sed -nE 's/^[[:space:]]*\[[Aa]ccount[.[:space:]][[:space:]]*"?([^]"]*)"?\].*/\1/p' $file
            return
        end
    end
end

set -l commands sync check folders confirm restore status top now pause resume reload stop service
set -l none "not __fish_seen_subcommand_from $commands"
set -l sync "$none; or __fish_seen_subcommand_from sync"

complete -c postboat -f
complete -c postboat -n $none -a sync -d 'make both sides of every account the same'
complete -c postboat -n $none -a check -d 'connect, and show what would be synced'
complete -c postboat -n $none -a folders -d 'list the folders with their names on both sides'
complete -c postboat -n $none -a confirm -d 'let deletions pass that are held, and sync'
complete -c postboat -n $none -a restore -d 'bring messages back, and sync'
complete -c postboat -n $none -a status -d 'show how the run is that goes on'
complete -c postboat -n $none -a top -d 'show its dashboard, or that of a recorded run'
complete -c postboat -n $none -a now -d 'let it sync at once'
complete -c postboat -n $none -a pause -d 'let it leave accounts alone'
complete -c postboat -n $none -a resume -d 'let it take them up again'
complete -c postboat -n $none -a reload -d 'let it read the configuration again'
complete -c postboat -n $none -a stop -d 'end it'
complete -c postboat -n $none -a service -d 'let systemd run it'

complete -c postboat -s h -l help -d 'print a summary of the options'
complete -c postboat -l version -d 'print the version'
complete -c postboat -s c -l config -r -F -d 'configuration to use'
complete -c postboat -s a -l account -x -a '(__postboat_accounts)' -d 'only these accounts'
complete -c postboat -s k -l set -x -d 'set an option for this run'
complete -c postboat -s l -l logfile -r -F -d 'append what happens to a file'
complete -c postboat -s d -l debug -x -a 'imap maildir ledger sync config service ui all' -d 'tell details'

complete -c postboat -n $sync -s f -l folder -x -d 'only these folders'
complete -c postboat -n $sync -s o -l once -d 'one run, ignoring autorefresh'
complete -c postboat -n $sync -s q -l quick -d 'open fewer folders on servers without CONDSTORE'
complete -c postboat -n $sync -s 1 -d 'one account after another, each over a single connection'
complete -c postboat -n $sync -l dry-run -d 'show what would be done'
complete -c postboat -n $sync -l one-way -d 'bring mail to the local side only, and count it'
complete -c postboat -n $sync -l retry -d 'try messages again that are put aside'
complete -c postboat -n "$sync; or __fish_seen_subcommand_from now" -l wait -d 'wait for another run, or for the end'
complete -c postboat -n "$sync; or __fish_seen_subcommand_from confirm restore" \
    -s u -l ui -x -a 'tty blinkenlights tk basic quiet syslog jsonl machineui' -d 'user interface'
complete -c postboat -n "$sync; or __fish_seen_subcommand_from check folders confirm restore status" -l json -d 'as JSON'
complete -c postboat -n '__fish_seen_subcommand_from restore' -l deleted -d 'what a sync removed'
complete -c postboat -n '__fish_seen_subcommand_from status' -l follow -d 'go on, and tell each change'
complete -c postboat -n '__fish_seen_subcommand_from status' -l format -x -a 'screen plain waybar json' -d 'for whom'
complete -c postboat -n '__fish_seen_subcommand_from top' -l replay -r -F -d 'play what a run wrote as JSON'
complete -c postboat -n '__fish_seen_subcommand_from top' -l speed -x -d 'times as fast'
complete -c postboat -n '__fish_seen_subcommand_from top' -l ascii -d 'draw with plain letters'
complete -c postboat -n '__fish_seen_subcommand_from top' -l still -d 'let nothing move'
complete -c postboat -n '__fish_seen_subcommand_from stop' -l finish -d 'let syncs under way end first'
complete -c postboat -n '__fish_seen_subcommand_from service' -l timer -d 'a run every few minutes'
complete -c postboat -n '__fish_seen_subcommand_from service' -l now -d 'start it as well'
complete -c postboat -n '__fish_seen_subcommand_from service' -l force -d 'overwrite what was changed by hand'
complete -c postboat -n '__fish_seen_subcommand_from service' -a 'install uninstall status'
complete -c postboat -n '__fish_seen_subcommand_from confirm restore now pause resume' -a '(__postboat_accounts)'
