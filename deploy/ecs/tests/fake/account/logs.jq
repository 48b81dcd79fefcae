# .paged gives the log on a second page, after one that is empty; the last leads to itself.
if $call == "logs get-log-events" then
  ("arn:task/" + ($given["log-stream-name"][0] | split("/")[2])) as $arn | ($given["next-token"][0] // "0" | tonumber) as $page
  | [.logs[$arn][]? | {message: .}] as $events
  | if .paged then answer({events: (if $page == 1 then $events else [] end), nextForwardToken: ([$page + 1, 2] | min | tostring)})
    else answer({events: $events}) end
