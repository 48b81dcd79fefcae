else {account: ., error: "the fake does not know \($call)"} end
| if $before.fails[$call] then {account: $before, error: $before.fails[$call]} else . end
| (.account | tojson), (if .error then 254, .error else 0, .answer end)
