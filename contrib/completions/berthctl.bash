# bash completion for berthctl; written by `berthctl completion bash`.
_berthctl() {
  local current=${COMP_WORDS[COMP_CWORD]} path= words= word next
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next=${path:+$path }$word
    case $next in 'check'|'config'|'config default'|'config check'|'config dump'|'status'|'info'|'version'|'image'|'image import'|'image export'|'image list'|'image pull'|'image resolve'|'image rm'|'image prune'|'image verify'|'pod'|'pod run'|'pod list'|'pod status'|'pod stop'|'pod rm'|'container'|'container create'|'container start'|'container stop'|'container rm'|'container status'|'container list'|'exec'|'stats'|'smoke'|'plan'|'completion') path=$next ;; esac
  done
  case $path in
    '') words='check config status info version image pod container exec stats smoke plan completion --help --socket --config --show-crictl' ;;
    'check') words='--help' ;;
    'config') words='default check dump --help' ;;
    'config default') words='--help' ;;
    'config check') words='--help' ;;
    'config dump') words='--help --origins' ;;
    'status') words='--help' ;;
    'info') words='--help' ;;
    'version') words='--help' ;;
    'image') words='import export list pull resolve rm prune verify --help' ;;
    'image import') words='--help --name' ;;
    'image export') words='--help' ;;
    'image list') words='--help' ;;
    'image pull') words='--help' ;;
    'image resolve') words='--help' ;;
    'image rm') words='--help' ;;
    'image prune') words='--help' ;;
    'image verify') words='--help --repair' ;;
    'pod') words='run list status stop rm --help' ;;
    'pod run') words='--help --handler' ;;
    'pod list') words='--help' ;;
    'pod status') words='--help' ;;
    'pod stop') words='--help' ;;
    'pod rm') words='--help' ;;
    'container') words='create start stop rm status list --help' ;;
    'container create') words='--help' ;;
    'container start') words='--help' ;;
    'container stop') words='--help --timeout' ;;
    'container rm') words='--help' ;;
    'container status') words='--help' ;;
    'container list') words='--help --all' ;;
    'exec') words='--help --timeout' ;;
    'stats') words='--help' ;;
    'smoke') words='--help --image --host-network' ;;
    'plan') words='--help' ;;
    'completion') words='--help' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _berthctl berthctl
