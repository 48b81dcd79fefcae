# shellcheck shell=bash disable=SC2154 # bats sets output and status
# What the tests share: the fakes first in PATH, an account, and what is asked of it.

ECS=$(cd "$BATS_TEST_DIRNAME/.." && pwd)

setup() {
  export ECS FAKE=$BATS_TEST_TMPDIR/fake PATH=$ECS/tests/fake:$PATH NO_COLOR=1
  unset GO_IMAGE GOPROXY AWS_ENDPOINT_URL
  mkdir -p "$FAKE"
  cp "$ECS/tests/fake/account.json" "$FAKE/account.json"
  : >"$FAKE/calls"
}

# script runs one of the scripts for the board of the tests.
script() { # SCRIPT [OPTION…] [-- WORD…]
  local name=$1 options=()
  shift
  while (($# > 0)) && [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  (($# == 0)) || shift
  run "$ECS/$name" ${options[@]+"${options[@]}"} eu-central-1 board "$@"
}

# account changes the account: account '.rollout.users = "FAILED"'.
account() {
  local changed
  changed=$(jq "$1" "$FAKE/account.json")
  echo "$changed" >"$FAKE/account.json"
}

# ask prints something of the account.
ask() { jq -rc "$1" "$FAKE/account.json"; }

# changes prints the calls that changed something, as "service operation what", and begins
# the record anew.
changes() {
  jq -Rr '
    def last_part: split("/")[-1];
    def of_input: [.family, .serviceName, .service, .Name, .Priority, (.TargetGroupArn | values | last_part), (.Actions[0].TargetGroupArn? | values | last_part),
      .DefaultActions[0].Type?, (.desiredCount | values | "desired=\(.)"), .RulePriorities[]?.Priority,
      (.overrides.containerOverrides[0] | values | .command[]?, .environment[]?.value)] | map(values | tostring) | join(" ");
    def of_flags: gsub("--(?!no-|force)[a-z-]+ ?"; "") | gsub("arn:[^ ]*/"; "") | gsub("/[^ ]*/ecs.yml"; "ecs.yml") | rtrimstr(" ");
    if test("^(docker|podman) version|^[a-z0-9]+ (describe|list|get)-") then empty
    elif test("^(docker|podman) ") then gsub("registry.example:5000/"; "")
    else capture("^(?<call>[^ ]+ [^ ]+) ?(?<what>.*) --region .*")
      | (.what | if startswith("--cli-input-json ") then ltrimstr("--cli-input-json ") | fromjson | of_input else of_flags end) as $what
      | .call + (if $what == "" then "" else " " + $what end) end' "$FAKE/calls"
  : >"$FAKE/calls"
}

# slept prints the seconds that the scripts would have waited.
slept() { awk '{ sum += $2 } END { print sum }' "$FAKE/sleeps"; }

# is compares two texts, and shows both if they differ.
is() { # GOT WANTED
  [[ $1 == "$2" ]] || {
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$1") | sed 's/^</want:/; s/^>/got: /'
    return 1
  }
}

# says expects a text in what the last script printed.
says() {
  [[ $output == *"$1"* ]] || {
    printf 'not said: %s\n--- but:\n%s\n' "$1" "$output"
    return 1
  }
}

ends_with() { # CODE
  ((status == $1)) || {
    printf 'it ended with %d instead of %d:\n%s\n' "$status" "$1" "$output"
    return 1
  }
}

# deployed makes an account in which the modules up to a number have been run.
deployed() { # 1|2|3|4
  local scripts=(1-push-images.sh 2-deploy-monolith.sh 3-deploy-services.sh 4-cutover.sh)
  local made=$BATS_RUN_TMPDIR/deployed-$1
  if [[ ! -e $made ]]; then
    (($1 == 1)) || deployed $(($1 - 1))
    "$ECS/${scripts[$1 - 1]}" eu-central-1 board >"$BATS_TEST_TMPDIR/deployed" 2>&1 || {
      cat "$BATS_TEST_TMPDIR/deployed"
      return 1
    }
    cp "$FAKE/account.json" "$made.$BASHPID"
    mv "$made.$BASHPID" "$made" # at once: another test may be making it, too
  fi
  cp "$made" "$FAKE/account.json"
  rm -f "$FAKE/sleeps"
  : >"$FAKE/calls"
}
