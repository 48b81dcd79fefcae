if $call == "ec2 describe-volumes" then answer({Volumes: [.volume // empty, .second_volume // empty]})
elif $call == "ec2 create-tags" then .volume.Tags += [{Key: "splitboard:stores", Value: "created"}] | answer("")
elif $call == "ec2 delete-volume" then .volume = null | answer("")
