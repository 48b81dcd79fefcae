package serve

import (
	"runtime/debug"
	"sync"
)

// version is set when a program is linked where neither a tag nor a commit can be seen, as
// in an image:
//
//	go build -ldflags "-X github.com/splitboard/splitboard/internal/serve.version=v1.2.3"
var version string

// Version gives the version that the program was built from: what it was linked with, or
// a release's tag, or the commit, or "devel".
var Version = sync.OnceValue(func() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+changes"
			}
		}
	}
	switch {
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	case revision != "":
		return "devel-" + revision + modified
	}
	return "devel"
})
