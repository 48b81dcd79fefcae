package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/transfer"
)

type importCommand struct {
	storeFlags
	File string `arg:"" name:"file" help:"The JSON file: {\"users\": [...], \"threads\": [...], \"posts\": [...]}, or some of the three. This program takes its own part of it."`
}

// Run fills stores that are missing or empty, and says what became of each.
func (c *importCommand) Run(a *app) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// First of all, so that a mistyped name makes no folders.
	f, err := openRegular(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	err = c.withLeases(&a.binary, func() error {
		progress, done := progressBar(a.stderr, "importing "+filepath.Base(c.File))
		results, err := transfer.Import(ctx, c.File, f, importTargets(&a.binary, c.Data), transfer.Options{Progress: progress})
		done()
		if err != nil {
			return err
		}
		for _, r := range results {
			if _, err := fmt.Fprintln(a.stdout, importLine(c.File, r)); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, lease.ErrHeld):
		return fmt.Errorf("%w; a store is imported into while nobody serves it: stop every process that may own it first", err)
	case errors.Is(err, transfer.ErrNotEmpty):
		return fmt.Errorf("%w; import fills an empty store: name another folder with --data, or move that file away first", err)
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; nothing was imported")
	}
	return err
}

// openRegular opens a file to import. Opening a pipe would wait for its other end, and no
// signal would end that.
func openRegular(path string) (*os.File, error) {
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is read twice, so it must be a regular file", path)
	}
	return os.Open(path)
}

// withLeases runs fn while it holds the lease of every service of the binary, in
// folders that are made if need be. It returns lease.ErrHeld if a process serves one.
func (f *storeFlags) withLeases(b *Binary, fn func() error) (err error) {
	for _, s := range b.Services {
		dir := filepath.Join(f.Data, s.Name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("--data %s: %w", f.Data, err)
		}
		l, lerr := lease.Acquire(dir, newOwner(b), f.AllowNetworkFS)
		if lerr != nil {
			return lerr
		}
		defer func() { err = errors.Join(err, l.Release()) }()
	}
	return fn()
}

// newOwner is what a command that holds a lease says of itself.
func newOwner(b *Binary) lease.Owner {
	return lease.Owner{Instance: lease.NewInstance(), PID: os.Getpid(), Binary: b.Name, Since: time.Now()}
}

// importTargets gives the binary's stores below data.
func importTargets(b *Binary, data string) []transfer.Target {
	targets := make([]transfer.Target, 0, len(b.Services))
	for _, s := range b.Services {
		targets = append(targets, transfer.Target{
			Table: s.Table, Schema: s.Schema, Path: filepath.Join(data, s.Name, storeFile),
		})
	}
	return targets
}

// importLine says what became of one store.
func importLine(file string, r transfer.Result) string {
	switch r.Outcome {
	case transfer.Loaded:
		line := fmt.Sprintf("%s: imported %s in %.2f s", r.Section, count(r.Records, r.Section), r.Took.Seconds())
		if len(r.Unchecked) > 0 {
			line += fmt.Sprintf("; %s has no %s, so whether those that these refer to exist was not checked",
				file, strings.Join(r.Unchecked, " and no "))
		}
		return line
	case transfer.Held:
		return fmt.Sprintf("%s: already holds %s; nothing to do", r.Section, these(r))
	case transfer.HeldAndChanged:
		return fmt.Sprintf("%s: was filled with %s before, and has changed since; nothing to do", r.Section, these(r))
	case transfer.Absent:
	}
	return fmt.Sprintf("%s: none in %s; left as it is", r.Section, file)
}

// these names a file's records.
func these(r transfer.Result) string {
	if r.Records == 1 {
		return "this " + count(1, r.Section)
	}
	return "these " + count(r.Records, r.Section)
}

// count writes a number of the records that a section holds.
func count(n int64, section string) string {
	if n == 1 {
		section = strings.TrimSuffix(section, "s")
	}
	return fmt.Sprintf("%d %s", n, section)
}

// progressBar shows how far something has come, if w is a terminal. done takes the bar
// away.
func progressBar(w io.Writer, what string) (progress func(done, total int64), done func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	progress = func(done, total int64) {
		if bar == nil {
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(f),
				progressbar.OptionSetDescription(what),
				progressbar.OptionSetWidth(30),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish(),
			)
		}
		_ = bar.Set64(done) // a terminal that went away is no reason to fail
	}
	return progress, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}
