# shellcheck shell=bash
# Who owns the stores, and moving them, by the board's own commands in tasks of their own.

# ask_owners asks all processes on the data volume. The answer stands in $owners.
owners=$work/owners
ask_owners() {
  run_once "the processes have said who owns the stores" whole_answer status --json
  ! dry_run || echo '{"stores":[],"processes":[]}' >"$owners"
}

# whole_answer: there is JSON from its first brace to its last. A warning may stand beside it.
whole_answer() {
  sed -n '/^{$/,/^}$/p' "$work/log" >"$owners"
  jq -e '.stores and .processes' "$owners" >/dev/null 2>&1
}

# owner prints the program that owns a store.
owner() { # SERVICE
  jq -r --arg service "$1" '.stores[] | select(.service == $service) | .owner.binary // ""' "$owners"
}

show_owners() {
  jq -r '"STORE\tOWNER\tINSTANCE\tEPOCH\tSEQUENCE\tCHECKSUM",
    (.stores[] | if .served then [.service, "\(.owner.binary) \(.owner.version)", .owner.instance, .store.epoch, .store.sequence, .store.checksum]
      else [.service, "nobody: \(.error)"] end | map(tostring) | join("\t"))' "$owners" | table
}

# unable prints why a program cannot take a store over, or nothing if it can.
unable() { # PROGRAM SERVICE
  jq -r --arg program "$1" --arg service "$2" '
    [.processes[] | select(.binary == $program and .error == null) | {draining} + (.stores[] | select(.service == $service))]
    | if . == [] then "no process of it answers"
      elif any((.refusal // "") == "" and (.draining | not)) then ""
      else .[0] | if .draining then "it is stopping" else .refusal end end' "$owners"
}

readonly tries=3 # a handoff that was broken off has changed nothing, so it is tried again

# move gives a store to the service's own process or to the monolith.
move() { # SERVICE service|monolith
  local try whose=$1
  [[ $2 == service ]] || whose=$2
  if ! dry_run && [[ $(owner "$1") == "$whose" ]]; then
    say "$1: $whose owns it already"
    return
  fi
  for ((try = 1; try <= tries; try++)); do
    run_once "the handoff of $1 to the $2 has ended" same_again handoff "$1" --to "$2"
    dry_run || indented <"$said" >&3
    case $code in
      0) return ;;
      4)
        warn "the handoff was broken off before anything changed"
        ;;
      5) die "the store of $1 was not moved" "there is no such target, or it is not able: $(tail -n 1 "$said")" "look at the log of $whose: $(log_command "${whose/monolith/api}")" ;;
      *) die "the store of $1 was not moved as it should be: exit code $code" "$(tail -n 1 "$said")" "see 'When a handoff is broken off' in docs/OPERATIONS.md; the board serves as long as there is an owner" ;;
    esac
  done
  die "the store of $1 was not moved: $tries handoffs were broken off" "$(tail -n 1 "$said")" "see 'When a handoff is broken off' in docs/OPERATIONS.md; the owner goes on serving"
}

# owned_by ends the script unless each of the services' stores is owned as it should be.
owned_by() { # service|monolith SERVICE…
  local kind=$1 each whose
  shift
  ! dry_run || return 0
  for each; do
    whose=$each
    [[ $kind == service ]] || whose=$kind
    [[ $(owner "$each") == "$whose" ]] ||
      die "the store of $each is not owned by $whose" "its owner is $(owner "$each")" "run the same command again"
  done
}
