module github.com/splitboard/splitboard/services/posts

go 1.26.0

require (
	github.com/splitboard/splitboard/edge v0.0.0
	github.com/splitboard/splitboard/gen v0.0.0
	github.com/splitboard/splitboard/internal v0.0.0
)

require pgregory.net/rapid v1.3.0 // indirect

replace (
	github.com/splitboard/splitboard/edge => ../../edge
	github.com/splitboard/splitboard/gen => ../../gen
	github.com/splitboard/splitboard/internal => ../../internal
)
