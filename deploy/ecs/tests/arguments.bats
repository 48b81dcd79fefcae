#!/usr/bin/env bats
# What all scripts have in common: arguments, tools, credentials, --dry-run.

load setup

boards=(1-push-images.sh 2-deploy-monolith.sh 3-deploy-services.sh 4-cutover.sh rollback.sh 5-clean-up.sh)

@test "--help is on standard output" {
  for each in "${boards[@]}" pin-go-image.sh; do
    run bash -c '"$1" --help 2>/dev/null' _ "$ECS/$each"
    ends_with 0
    says "usage: $each"
    says "--dry-run"
  done
}

@test "without arguments, the usage is on standard error" {
  for each in "${boards[@]}"; do
    run bash -c '"$1" 2>&1 >/dev/null' _ "$ECS/$each"
    ends_with 2
    says "$each: a region and a stack's name are needed"
    says "usage: $each"
  done
}

@test "wrong arguments change nothing and say what is wrong" {
  local -a words
  while IFS='>' read -r arguments message; do
    eval "words=($arguments)"
    run "$ECS/${words[0]}" "${words[@]:1}"
    ends_with 2
    says "$message"
    says "usage: ${words[0]}"
  done <<'END'
2-deploy-monolith.sh --frob eu-central-1 board>unknown option --frob
4-cutover.sh --tag v1 eu-central-1 board>unknown option --tag
5-clean-up.sh --dry-run=no eu-central-1 board>--dry-run takes no value
3-deploy-services.sh eu-central-1 board --tag>--tag needs a value
1-push-images.sh eu-central-1>a region and a stack's name are needed
1-push-images.sh Frankfurt board>not a region: 'Frankfurt'
1-push-images.sh 'eu-central-1;id' board>not a region
1-push-images.sh cn-north-1 board>not a region
1-push-images.sh eu-central-1 1board>not a name for a stack: '1board'
1-push-images.sh eu-central-1 'bo$(id)'>not a name for a stack
1-push-images.sh eu-central-1 board extra>one argument too many: 'extra'
1-push-images.sh --tag 'a/b' eu-central-1 board>not a tag for an image: 'a/b'
1-push-images.sh --tag= eu-central-1 board>not a tag for an image: ''
1-push-images.sh --platform windows/amd64 eu-central-1 board>not a platform: 'windows/amd64'
1-push-images.sh --platform linux/arm64,linux/arm64 eu-central-1 board>the platform linux/arm64 is named twice
1-push-images.sh --platform '' eu-central-1 board>not a platform: ''
1-push-images.sh --endpoint-url localhost eu-central-1 board>not a URL: 'localhost'
4-cutover.sh eu-central-1 board edge>not a service: 'edge'
rollback.sh eu-central-1 board users posts>one argument too many: 'posts'
pin-go-image.sh golang:1.26 alpine:3>one argument too many: 'alpine:3'
pin-go-image.sh 'golang|x'>not an image with a tag
END
  is "$(cat "$FAKE/calls")" ''
}

@test "options may stand anywhere" {
  run "$ECS/4-cutover.sh" eu-central-1 --dry-run board --endpoint-url=http://localhost:1 users
  ends_with 0
  says "would run"
}

# only prepares a PATH that has nothing but what the scripts need, without docker and podman.
only() {
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  for tool in bash dirname basename mktemp rm cat grep sed sort tail cut sha256sum wc jq aws git sleep; do
    ln -sf "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin/$tool"
  done
}

@test "a missing tool is named, with how to get it" {
  only
  bash=$(command -v bash)
  rm "$BATS_TEST_TMPDIR/bin/aws"
  for each in "${boards[@]}"; do
    PATH=$BATS_TEST_TMPDIR/bin run "$bash" "$ECS/$each" eu-central-1 board
    ends_with 1
    says "aws is not installed"
    says "getting-started-install"
  done
  only
  rm "$BATS_TEST_TMPDIR/bin/jq"
  PATH=$BATS_TEST_TMPDIR/bin run "$bash" "$ECS/2-deploy-monolith.sh" eu-central-1 board
  ends_with 1
  says "jq is not installed"
}

@test "without docker and podman nothing is pushed" {
  only
  bash=$(command -v bash)
  PATH=$BATS_TEST_TMPDIR/bin run "$bash" "$ECS/1-push-images.sh" eu-central-1 board
  ends_with 1
  says "neither docker nor podman is installed"
}

@test "without credentials nothing is begun" {
  account '.fails["sts get-caller-identity"] = "Unable to locate credentials. You can configure credentials by running \"aws configure\"."'
  for each in "${boards[@]}"; do
    script "$each"
    ends_with 1
    says "there are no credentials that AWS takes"
    says "Unable to locate credentials"
    says "aws sso login"
    says "Running the same command again is safe"
  done
  is "$(changes)" ''
}

@test "a dry run changes nothing and does not wait, whatever is there" {
  for n in 0 3 4; do
    ((n == 0)) || deployed "$n"
    rm -f "$FAKE/sleeps"
    before=$(ask .)
    for each in "${boards[@]}"; do
      script "$each" --dry-run
      ends_with 0
      says "a dry run: nothing is changed"
    done
    is "$(changes)" ''
    is "$(ask .)" "$before"
    [[ ! -e $FAKE/sleeps ]]
  done
}

@test "a dry run shows the commands as a shell takes them" {
  script 2-deploy-monolith.sh --dry-run --sample --tag v1
  says "would run: aws cloudformation deploy --template-file $ECS/ecs.yml --stack-name board --capabilities CAPABILITY_NAMED_IAM"
  says "would run: aws elbv2 create-rule --cli-input-json '{\"ListenerArn\":\"{LISTENER_ARN}\",\"Priority\":1,"
  says "would run: aws ec2 create-tags --resources '{DATA_VOLUME_ID}'"
}

@test "every call has the region and the endpoint" {
  deployed 3
  for each in "${boards[@]}"; do
    script "$each" --endpoint-url http://localhost:1 --dry-run
    ends_with 0
  done
  script 4-cutover.sh --endpoint-url http://localhost:1
  ends_with 0
  run grep -v -e '^docker' -e '^podman' "$FAKE/calls"
  says "ecs run-task"
  run grep -v -e '^docker' -e '^podman' -e '--region eu-central-1 --output json --endpoint-url http://localhost:1$' "$FAKE/calls"
  is "$output" ''
}

@test "colours are for terminals, and NO_COLOR is heeded" {
  unset -f script
  command -v script >/dev/null || skip "there is no script(1) to make a terminal with"
  run env -u NO_COLOR TERM=xterm script -qec "$ECS/5-clean-up.sh --dry-run eu-central-1 board" /dev/null
  says $'\e[1m'
  run env NO_COLOR=1 TERM=xterm script -qec "$ECS/5-clean-up.sh --dry-run eu-central-1 board" /dev/null
  [[ $output != *$'\e['* ]]
  run env -u NO_COLOR TERM=xterm "$ECS/5-clean-up.sh" --dry-run eu-central-1 board
  [[ $output != *$'\e['* ]]
}

# An answer that does not come is not the answer that there is nothing.
@test "a question that fails ends the script, whichever it is" {
  denied='"An error occurred (AccessDenied) when calling the operation: not allowed"'
  while read -r state each yes; do
    deployed "$state"
    script "$each" ${yes:+"$yes"}
    ends_with 0
    asked=$(awk '$2 ~ /^(describe|list|get)-/ && $2 !~ /caller-identity|login/ { print $1, $2 }' "$FAKE/calls" | sort -u)
    [[ -n $asked ]]
    while read -r call; do
      deployed "$state"
      account ".fails[\"$call\"] = $denied"
      script "$each" ${yes:+"$yes"}
      ends_with 1
      says "aws $call failed"
      [[ -z $yes ]] || is "$(changes)" ''
    done <<<"$asked"
  done <<'END'
1 2-deploy-monolith.sh
3 4-cutover.sh
3 5-clean-up.sh --yes
END
}
