if $call == "sts get-caller-identity" then answer({Account: "123456789012", Arn: arn("iam"; "user/me")})
