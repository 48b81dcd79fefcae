if $call == "ecr describe-repositories" then
  answer({repositories: [.repositories | keys[] | {repositoryName: ., repositoryArn: "arn:repository/\(.)", repositoryUri: "registry.example:5000/\(.)"}]})
elif $call == "ecr create-repository" then
  $given["repository-name"][0] as $name | .repositories[$name] = {ours: true, images: []}
  | answer({repository: {repositoryArn: "arn:repository/\($name)", repositoryUri: "registry.example:5000/\($name)"}})
elif $call == "ecr list-tags-for-resource" then
  ($given["resource-arn"][0] | split("/")[1]) as $name
  | answer({tags: (if .repositories[$name].ours then [{Key: "splitboard:stack", Value: "board"}] else [] end)})
elif $call == "ecr get-login-password" then answer("the-password")
elif $call == "ecr describe-images" then
  $given["repository-name"][0] as $name | ($given["image-ids"][0] | split("=")[1]) as $tag
  | if any(.repositories[$name].images[]?; . == $tag) then answer({imageDetails: [{imageDigest: "sha256:\($name)-\($tag)", imagePushedAt: "2026-01-01"}]})
    else refuse("ImageNotFoundException"; "no \($tag)") end
elif $call == "ecr delete-repository" then del(.repositories[$given["repository-name"][0]]) | answer({})
