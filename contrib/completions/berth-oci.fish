# fish completion for berth-oci; written by `berth-oci completion fish`.
complete -c berth-oci -n '__fish_use_subcommand' -l root -d 'Containers\' state [/run/berth-oci; $XDG_RUNTIME_DIR/berth-oci without root]' -r
complete -c berth-oci -n '__fish_use_subcommand' -l log -d 'Append errors to this file, too' -r
complete -c berth-oci -n '__fish_use_subcommand' -l log-format -d 'Of that file: text or json [text]' -r
complete -c berth-oci -n '__fish_use_subcommand' -l log-level -d 'debug, info, warn or error [warn]' -r
complete -c berth-oci -n '__fish_use_subcommand' -l debug -d 'As --log-level debug'
complete -c berth-oci -n '__fish_use_subcommand' -l systemd-cgroup -d 'As --cgroup-manager systemd'
complete -c berth-oci -n '__fish_use_subcommand' -l cgroup-manager -d 'Who makes cgroups: cgroupfs or systemd [cgroupfs]' -r
complete -c berth-oci -n '__fish_use_subcommand' -l rootless -d 'auto, or what this process is, true or false' -r
complete -c berth-oci -n '__fish_use_subcommand' -l help -d 'Print help'
complete -c berth-oci -n '__fish_use_subcommand' -l version -d 'Print the version'
complete -c berth-oci -n '__fish_use_subcommand' -a create -d 'Make a container whose program waits for start'
complete -c berth-oci -n '__fish_seen_subcommand_from create' -l bundle -d 'Directory of config.json [.]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from create' -l console-socket -d 'Where the terminal\'s master is sent' -r
complete -c berth-oci -n '__fish_seen_subcommand_from create' -l pid-file -d 'Gets the number of the container\'s process' -r
complete -c berth-oci -n '__fish_seen_subcommand_from create' -l preserve-fds -d 'Pass descriptors 3 to 3+N-1 on' -r
complete -c berth-oci -n '__fish_seen_subcommand_from create' -l no-new-keyring -d 'Keep the caller\'s session keyring'
complete -c berth-oci -n '__fish_seen_subcommand_from create' -l no-pivot -d 'Move the root over /: where that is a ramdisk'
complete -c berth-oci -n '__fish_seen_subcommand_from create' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a start -d 'Run the program of a created container'
complete -c berth-oci -n '__fish_seen_subcommand_from start' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a run -d 'Create and start a container, and wait for its end'
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l bundle -d 'Directory of config.json [.]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l detach -d 'Return when the program runs'
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l keep -d 'Do not delete the container when its program has ended'
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l console-socket -d 'Where the terminal\'s master is sent' -r
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l pid-file -d 'Gets the number of the container\'s process' -r
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l preserve-fds -d 'Pass descriptors 3 to 3+N-1 on' -r
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l no-new-keyring -d 'Keep the caller\'s session keyring'
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l no-subreaper -d 'Accepted; this process never is one'
complete -c berth-oci -n '__fish_seen_subcommand_from run' -l no-pivot -d 'Move the root over /: where that is a ramdisk'
complete -c berth-oci -n '__fish_seen_subcommand_from run' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a state -d 'Print a container\'s state as JSON'
complete -c berth-oci -n '__fish_seen_subcommand_from state' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a kill -d 'Send a signal to the container\'s process [TERM]'
complete -c berth-oci -n '__fish_seen_subcommand_from kill' -l all -d 'Every process of the container\'s cgroup'
complete -c berth-oci -n '__fish_seen_subcommand_from kill' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a delete -d 'Remove a container that has ended'
complete -c berth-oci -n '__fish_seen_subcommand_from delete' -l force -d 'Kill it first, if need be; one that does not exist is fine'
complete -c berth-oci -n '__fish_seen_subcommand_from delete' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a list -d 'All containers'
complete -c berth-oci -n '__fish_seen_subcommand_from list' -l format -d 'table or json [table]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from list' -l quiet -d 'IDs alone'
complete -c berth-oci -n '__fish_use_subcommand' -a ps -d 'The container\'s processes'
complete -c berth-oci -n '__fish_seen_subcommand_from ps' -l format -d 'table or json [table]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from ps' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a exec -d 'Run a further program in a container'
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l process -d 'The process as JSON' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l tty -d 'With a terminal of its own'
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l user -d 'As another user' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l additional-gids -d 'A supplementary group; may be given again' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l env -d 'An environment variable; may be given again' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l cwd -d 'Working directory' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l cap -d 'One more capability; may be given again' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l no-new-privs -d 'Set no_new_privs'
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l detach -d 'Return when the program runs'
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l pid-file -d 'Gets the number of the process' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l console-socket -d 'Where the terminal\'s master is sent' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l preserve-fds -d 'Pass descriptors 3 to 3+N-1 on' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l ignore-paused -d 'Also into a paused container, where it waits'
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -l cgroup -d 'A group below the container\'s' -r
complete -c berth-oci -n '__fish_seen_subcommand_from exec' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a pause -d 'Freeze all processes of a container'
complete -c berth-oci -n '__fish_seen_subcommand_from pause' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a resume -d 'Let a paused container go on'
complete -c berth-oci -n '__fish_seen_subcommand_from resume' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a update -d 'Change a container\'s limits'
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l resources -d 'linux.resources as JSON; -: from stdin' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l cpu-period -d 'CPU period' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l cpu-quota -d 'CPU time per period; -1: unlimited' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l cpu-share -d 'CPU shares' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l cpuset-cpus -d 'CPUs' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l cpuset-mems -d 'Memory nodes' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l memory -d 'Memory limit; -1: unlimited' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l memory-reservation -d 'Soft memory limit' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l memory-swap -d 'Memory and swap together; -1: unlimited' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -l pids-limit -d 'Processes; -1: unlimited' -r
complete -c berth-oci -n '__fish_seen_subcommand_from update' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a events -d 'Counters and OOM kills as lines of JSON'
complete -c berth-oci -n '__fish_seen_subcommand_from events' -l stats -d 'Print the counters once'
complete -c berth-oci -n '__fish_seen_subcommand_from events' -l interval -d 'Between two prints: 500ms, 5s, 1m [5s]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from events' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a spec -d 'Write a config.json to begin with'
complete -c berth-oci -n '__fish_seen_subcommand_from spec' -l bundle -d 'Where config.json is written [.]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from spec' -l rootless -d 'For a container of this user, with a user namespace that maps him alone'
complete -c berth-oci -n '__fish_use_subcommand' -a features -d 'What this build supports, as JSON'
complete -c berth-oci -n '__fish_use_subcommand' -a checkpoint -d 'Write a running container to files, with CRIU, and remove it'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l leave-running -d 'Let it go on afterwards, and keep it'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l pre-dump -d 'Only its memory, ahead of a checkpoint; it goes on'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l parent-path -d 'Images of a --pre-dump, relative to --image-path' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l page-server -d 'Not supported' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l status-fd -d 'Not supported' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l image-path -d 'Where the images are [./checkpoint]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l work-path -d 'Where CRIU\'s log goes [as --image-path]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l tcp-established -d 'Allow open TCP connections'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l tcp-skip-in-flight -d 'Leave out TCP connections that are not accepted yet'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l tcp-close -d 'Close TCP connections'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l ext-unix-sk -d 'Allow Unix sockets that lead outside'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l shell-job -d 'Allow a terminal that is not the container\'s own'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l file-locks -d 'Allow file locks'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l manage-cgroups-mode -d 'soft, full, strict or ignore [soft]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l empty-ns -d 'Make it anew, and leave its content out; only network' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l auto-dedup -d 'Drop what a later image has, too'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l lazy-pages -d 'Not supported'
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l lsm-profile -d 'Not supported' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -l lsm-mount-context -d 'Not supported' -r
complete -c berth-oci -n '__fish_seen_subcommand_from checkpoint' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a restore -d 'Make a container of what checkpoint has written'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l bundle -d 'Directory of config.json [.]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l detach -d 'Return when it goes on'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l keep -d 'Do not delete the container when its program has ended'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l console-socket -d 'Where the terminal\'s master is sent' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l pid-file -d 'Gets the number of the container\'s process' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l no-subreaper -d 'Accepted; this process never is one'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l no-pivot -d 'Not supported'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l image-path -d 'Where the images are [./checkpoint]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l work-path -d 'Where CRIU\'s log goes [as --image-path]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l tcp-established -d 'Allow open TCP connections'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l tcp-skip-in-flight -d 'Leave out TCP connections that are not accepted yet'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l tcp-close -d 'Close TCP connections'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l ext-unix-sk -d 'Allow Unix sockets that lead outside'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l shell-job -d 'Allow a terminal that is not the container\'s own'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l file-locks -d 'Allow file locks'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l manage-cgroups-mode -d 'soft, full, strict or ignore [soft]' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l empty-ns -d 'Make it anew, and leave its content out; only network' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l auto-dedup -d 'Drop what a later image has, too'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l lazy-pages -d 'Not supported'
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l lsm-profile -d 'Not supported' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -l lsm-mount-context -d 'Not supported' -r
complete -c berth-oci -n '__fish_seen_subcommand_from restore' -a '(berth-oci list --quiet 2>/dev/null)'
complete -c berth-oci -n '__fish_use_subcommand' -a completion -d 'Print a completion script'
