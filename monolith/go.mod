module github.com/splitboard/splitboard/monolith

go 1.26.0

require (
	github.com/splitboard/splitboard/edge v0.0.0
	github.com/splitboard/splitboard/gen v0.0.0
	github.com/splitboard/splitboard/internal v0.0.0
	github.com/splitboard/splitboard/services/posts v0.0.0
	github.com/splitboard/splitboard/services/threads v0.0.0
	github.com/splitboard/splitboard/services/users v0.0.0
	go.etcd.io/bbolt v1.5.0
	golang.org/x/sys v0.49.0
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.32.0 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/schollz/progressbar/v3 v3.19.1 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/term v0.47.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20261019180522-ce908d29299b // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b // indirect
)

replace (
	github.com/splitboard/splitboard/edge => ../edge
	github.com/splitboard/splitboard/gen => ../gen
	github.com/splitboard/splitboard/internal => ../internal
	github.com/splitboard/splitboard/services/posts => ../services/posts
	github.com/splitboard/splitboard/services/threads => ../services/threads
	github.com/splitboard/splitboard/services/users => ../services/users
)
