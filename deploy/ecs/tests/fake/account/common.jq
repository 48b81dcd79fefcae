# What the calls of all services share. A call's input is the account; its output is
# {account, answer} or {account, error}. A service's own calls follow in its file.

def parsed: reduce $ARGS.positional[2:][] as $word ({given: {}};
  if $word | startswith("--") then .name = $word[2:] | .given[.name] = [] else .given[.name] += [$word] end) | .given;
parsed as $given | ($ARGS.positional[:2] | join(" ")) as $call | . as $before |
def region: "eu-central-1";
def arn($service; $what): "arn:aws:\($service):\(region):123456789012:\($what)";
def input: ($given["cli-input-json"][0] // "{}") | fromjson;
def given($flag; $key): $given[$flag][0] // input[$key];
def answer($a): {account: ., answer: $a};
def refuse($code; $text): {account: ., error: "An error occurred (\($code)) when calling the operation: \($text)"};
def number: .count += 1;
