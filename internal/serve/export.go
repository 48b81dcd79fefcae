package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
)

// stdoutName is the file name that means standard output.
const stdoutName = "-"

type exportCommand struct {
	storeFlags
	Force bool   `name:"force" help:"Replace the file if it is there already."`
	File  string `arg:"" name:"file" help:"The JSON file to make, in the shape that import takes; - is standard output."`
}

// Run writes stores to a file, whole or not at all, whether or not they are served.
func (c *exportCommand) Run(a *app) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	aside := filepath.Dir(c.File)
	if c.File == stdoutName {
		aside = os.TempDir()
	}
	sources, done, err := c.sources(ctx, &a.binary, aside)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return err
	}
	var counts []int64
	write := func(w io.Writer) (err error) {
		counts, err = transfer.Export(ctx, w, sources)
		return err
	}
	summary := a.stdout
	switch {
	case c.File == stdoutName:
		summary = a.stderr
		err = write(a.stdout)
	case c.Force:
		_, err = writeWhole(c.File, write)
	default:
		_, err = writeNew(c.File, write)
		if errors.Is(err, os.ErrExist) {
			err = fmt.Errorf("%w without --force", err)
		}
	}
	if err != nil {
		return err
	}
	for i, s := range sources {
		section := s.Table.Section()
		if _, err := fmt.Fprintf(summary, "%s: exported %s\n", section, count(counts[i], section)); err != nil {
			return err
		}
	}
	return nil
}

// sources gives the binary's stores, as they are now: those that are served as copies in
// the folder aside, the others under their locks. done, which is never nil, lets them go.
func (c *exportCommand) sources(ctx context.Context, b *Binary, aside string) (sources []transfer.Source, done func() error, err error) {
	var undo []func() error
	done = func() error {
		var errs []error
		for _, fn := range slices.Backward(undo) {
			errs = append(errs, fn())
		}
		return errors.Join(errs...)
	}
	// A post refers to a thread, and that to a user: taken in this order, all that a
	// record refers to is in the file, even if it is written meanwhile.
	for _, s := range slices.Backward(b.Services) {
		path, release, err := c.source(ctx, b, s, aside)
		if err != nil {
			return nil, done, fmt.Errorf("%s: %w", s.Name, err)
		}
		undo = append(undo, release)
		sources = append(sources, transfer.File(s.Table, path, s.Schema))
	}
	slices.Reverse(sources)
	return sources, done, nil
}

// source gives the file of one store as it is now, and what lets it go.
func (c *exportCommand) source(ctx context.Context, b *Binary, s Service, aside string) (path string, release func() error, err error) {
	dir := filepath.Join(c.Data, s.Name)
	client, err := admin.DialOwner(ctx, dir, s.Name)
	if err == nil {
		path, err := copyServed(ctx, client, dir, s.Name, aside)
		return path, func() error { return os.Remove(path) }, err
	}
	if !errors.Is(err, admin.ErrNotServed) {
		return "", nil, err
	}
	path = filepath.Join(dir, storeFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("%w in %s", store.ErrMissing, dir)
	}
	l, err := lease.Acquire(dir, newOwner(b), c.AllowNetworkFS)
	if err != nil {
		return "", nil, err
	}
	return path, l.Release, nil
}

// copyServed gets a copy of a served store, as a new file in the folder aside, and
// closes the client.
func copyServed(ctx context.Context, owner *admin.Client, dir, service, aside string) (string, error) {
	f, err := os.CreateTemp(aside, "splitboard-"+service+".*.part")
	if err != nil {
		return "", errors.Join(err, owner.Close())
	}
	if err := errors.Join(fetch(ctx, owner, dir, service, f), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// fetch writes a copy of a served store to w, and closes the client. If its owner gives
// the store up meanwhile, the next one is asked, once.
func fetch(ctx context.Context, owner *admin.Client, dir, service string, w io.Writer) error {
	err := errors.Join(owner.Backup(ctx, service, w), owner.Close())
	if !errors.Is(err, admin.ErrMoved) {
		return err
	}
	next, err := admin.DialOwner(ctx, dir, service)
	if err != nil {
		return fmt.Errorf("the copy was broken off because its owner gave the store up: %w", err)
	}
	return errors.Join(next.Backup(ctx, service, w), next.Close())
}
