# Sourced by bin/qpq and bin/qpq-server, which set $root and $program. Finds the pinned runtime, asks
# packages/$program/permissions.ts (a run that may read the configuration and nothing else) for the least permissions
# that this command line needs, and becomes the program: its pid is the caller's child, so a kill reaches it.

. "$root/scripts/runtime.sh"

# Relative paths start where the user stands; reading the current folder's name would need a read permission.
QPQ_WORKING_FOLDER=$(pwd -P)
export QPQ_WORKING_FOLDER

# A comma separates paths in the runtime's flags; one inside a path is doubled.
escape_path() {
  case $1 in
    *,*) printf '%s' "$1" | sed 's/,/,,/g' ;;
    *) printf '%s' "$1" ;;
  esac
}

absolute() {
  case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s' "$QPQ_WORKING_FOLDER/$1" ;;
  esac
}

# Without a pin or a file, the authorities of this system are believed; where it has none, the runtime's.
export DENO_TLS_CA_STORE="${DENO_TLS_CA_STORE:-system,mozilla}"

run_flags="--no-prompt --cached-only --no-lock --quiet"

# launch READABLE ENVIRONMENT ARGUMENT...: READABLE and ENVIRONMENT are what the first run may see.
launch() {
  readable=$1
  environment=$2
  shift 2
  # Their names, so that the first run can say which one nobody reads: it may only ask for one by its name.
  QPQ_GIVEN_VARIABLES=$(awk 'BEGIN { for (name in ENVIRON) if (name ~ /^QPQ_/) print name }')
  export QPQ_GIVEN_VARIABLES
  only_print=
  if [ "${1-}" = "--print-permissions" ]; then
    only_print=yes
    shift
  fi
  # shellcheck disable=SC2086 # run_flags is a list of words
  permissions=$("$deno" run $run_flags --config "$root/deno.json" "--allow-read=$readable" \
    "--allow-env=$environment" "$root/packages/$program/permissions.ts" "$@") || exit $?
  if [ -n "$only_print" ]; then
    printf '%s\n' "$permissions"
    exit 0
  fi
  set -- "$root/packages/$program/main.ts" "$@"
  while IFS= read -r flag; do
    case $flag in
      --allow-net=* | --allow-read=* | --allow-write=* | --allow-env=* | --allow-ffi=* | --allow-sys=* | --unstable-net)
        set -- "$flag" "$@"
        ;;
      *)
        echo "$program: not a permission that this launcher gives: $flag" >&2
        exit 2
        ;;
    esac
  done <<EOF
$permissions
EOF
  # shellcheck disable=SC2086
  exec "$deno" run $run_flags --config "$root/deno.json" "$@"
}

# last_value OPTION ARGUMENT...: prints the value that holds, of those that OPTION has on the command line.
last_value() {
  option=$1
  shift
  value=
  previous=
  for argument; do
    if [ "$previous" = "$option" ]; then
      value=$argument
    fi
    case $argument in
      "$option="*) value=${argument#*=} ;;
    esac
    previous=$argument
  done
  printf '%s' "$value"
}
