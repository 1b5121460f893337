# bash completion for berth-oci; written by `berth-oci completion bash`.
_berth_oci() {
  local current=${COMP_WORDS[COMP_CWORD]} verb= words= word containers=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in create|start|run|state|kill|delete|list|ps|exec|pause|resume|update|events|spec|features|checkpoint|restore|completion) verb=$word; break ;; esac
  done
  [[ -z $verb || $current == -* ]] || containers=$(berth-oci list --quiet 2>/dev/null)
  case $verb in
    '') words='create start run state kill delete list ps exec pause resume update events spec features checkpoint restore completion --root --log --log-format --log-level --debug --systemd-cgroup --cgroup-manager --rootless --help --version' ;;
    create) words='--bundle --console-socket --pid-file --preserve-fds --no-new-keyring --no-pivot '"$containers" ;;
    start) words=' '"$containers" ;;
    run) words='--bundle --detach --keep --console-socket --pid-file --preserve-fds --no-new-keyring --no-subreaper --no-pivot '"$containers" ;;
    state) words=' '"$containers" ;;
    kill) words='--all '"$containers" ;;
    delete) words='--force '"$containers" ;;
    list) words='--format --quiet '"$containers" ;;
    ps) words='--format '"$containers" ;;
    exec) words='--process --tty --user --additional-gids --env --cwd --cap --no-new-privs --detach --pid-file --console-socket --preserve-fds --ignore-paused --cgroup '"$containers" ;;
    pause) words=' '"$containers" ;;
    resume) words=' '"$containers" ;;
    update) words='--resources --cpu-period --cpu-quota --cpu-share --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --pids-limit '"$containers" ;;
    events) words='--stats --interval '"$containers" ;;
    spec) words='--bundle --rootless '"$containers" ;;
    features) words=' '"$containers" ;;
    checkpoint) words='--leave-running --pre-dump --parent-path --page-server --status-fd --image-path --work-path --tcp-established --tcp-skip-in-flight --tcp-close --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode --empty-ns --auto-dedup --lazy-pages --lsm-profile --lsm-mount-context '"$containers" ;;
    restore) words='--bundle --detach --keep --console-socket --pid-file --no-subreaper --no-pivot --image-path --work-path --tcp-established --tcp-skip-in-flight --tcp-close --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode --empty-ns --auto-dedup --lazy-pages --lsm-profile --lsm-mount-context '"$containers" ;;
    completion) words=' '"$containers" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _berth_oci berth-oci
