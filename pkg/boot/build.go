package boot

import (
	"cmp"
	"runtime/debug"
	"sync"
)

// version and commit are set when a release is built, by
// -ldflags "-X github.com/battery-passport/suite/pkg/boot.version=…".
var version, commit string

// A Build is what a program was built from.
type Build struct {
	Number string // of the release; "dev" where none was given
	Commit string // empty where it is not known
}

func (b Build) String() string {
	if b.Commit == "" {
		return b.Number
	}
	return b.Number + " (" + b.Commit + ")"
}

// Version tells what this program was built from: what the builder said, or
// else the checkout it was built in.
var Version = sync.OnceValue(func() Build {
	b := Build{Number: cmp.Or(version, "dev"), Commit: commit}
	if info, ok := debug.ReadBuildInfo(); ok && b.Commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	return b
})
