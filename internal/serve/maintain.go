package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/splitboard/splitboard/internal/admin"
	"github.com/splitboard/splitboard/internal/disk"
	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"
)

type serviceFlag struct {
	Service string `name:"service" placeholder:"NAME" help:"The service whose store is meant; the default is all that this program has."`
}

// pick gives the services that a command is about.
func (f *serviceFlag) pick(b *Binary) ([]Service, error) {
	if f.Service == "" {
		return b.Services, nil
	}
	s, ok := b.service(f.Service)
	if !ok {
		return nil, fmt.Errorf("%w: --service: %s has no %q", errUsage, b.Name, f.Service)
	}
	return []Service{s}, nil
}

type checkCommand struct {
	storeFlags
	serviceFlag
}

// Run checks stores, and says of each what is wrong. It fails if anything is.
func (c *checkCommand) Run(a *app) error {
	services, err := c.pick(&a.binary)
	if err != nil {
		return err
	}
	var failed error
	for _, s := range services {
		dir := filepath.Join(c.Data, s.Name)
		err := c.withLease(dir, &a.binary, func() error {
			problems, err := store.Check(filepath.Join(dir, storeFile), s.Schema)
			if err != nil {
				return err
			}
			if len(problems) == 0 {
				fmt.Fprintf(a.stdout, "%s: ok\n", s.Name)
				return nil
			}
			for _, p := range problems {
				fmt.Fprintf(a.stdout, "%s: %s\n", s.Name, p)
			}
			return fmt.Errorf("%s: the store is damaged; %d problems", s.Name, len(problems))
		})
		if errors.Is(err, lease.ErrHeld) {
			err = fmt.Errorf("%w; stop it, or make a backup and check that", err)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

type migrateCommand struct {
	storeFlags
	serviceFlag
}

// Run migrates stores.
func (c *migrateCommand) Run(a *app) error {
	services, err := c.pick(&a.binary)
	if err != nil {
		return err
	}
	for _, s := range services {
		dir := filepath.Join(c.Data, s.Name)
		err := c.withLease(dir, &a.binary, func() error {
			before, after, err := store.Migrate(filepath.Join(dir, storeFile), s.Schema)
			switch {
			case err != nil:
				return err
			case before == after:
				fmt.Fprintf(a.stdout, "%s: nothing to do; min_reader is %d\n", s.Name, after)
			default:
				fmt.Fprintf(a.stdout, "%s: min_reader was %d and is %d\n", s.Name, before, after)
			}
			return nil
		})
		if errors.Is(err, lease.ErrHeld) {
			// Stopping the owner alone hands the store to the next one.
			err = fmt.Errorf("%w; stop every process that may own the store first", err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// withLease runs fn while it holds the lease on a service's folder. It returns
// [lease.ErrHeld] if a process serves the store, and [store.ErrMissing] if there is
// none.
func (f *storeFlags) withLease(dir string, b *Binary, fn func() error) error {
	if _, err := os.Stat(filepath.Join(dir, storeFile)); err != nil {
		// Nothing may be created in a folder that was named by mistake.
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w in %s", store.ErrMissing, dir)
		}
		return err
	}
	l, err := lease.Acquire(dir, newOwner(b), f.AllowNetworkFS)
	if err != nil {
		return err
	}
	return errors.Join(fn(), l.Release())
}

type backupCommand struct {
	storeFlags
	serviceFlag
	To string `arg:"" name:"to" help:"The file to make; with several services the folder to make, which serve --data can start from."`
}

// Run copies one store to a file, or several into a folder that has a data folder's
// shape.
func (c *backupCommand) Run(a *app) error {
	services, err := c.pick(&a.binary)
	if err != nil {
		return err
	}
	one := len(services) == 1
	if !one {
		if err := os.Mkdir(c.To, 0o700); err != nil {
			return fmt.Errorf("a backup of several stores goes into a new folder: %w", err)
		}
	}
	for _, s := range services {
		path := c.To
		if !one {
			path = filepath.Join(c.To, s.Name, storeFile)
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				return err
			}
		}
		n, err := c.copyStore(filepath.Join(c.Data, s.Name), s.Name, &a.binary, path)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		fmt.Fprintf(a.stdout, "%s: %s (%s)\n", s.Name, path, mib(n))
	}
	return nil
}

// copyStore copies a store, from the process that serves it or, if none does, from its
// file.
func (c *backupCommand) copyStore(dir, service string, b *Binary, path string) (int64, error) {
	ctx := context.Background()
	client, err := admin.DialOwner(ctx, dir, service)
	if err == nil {
		return writeNew(path, func(w io.Writer) error { return fetch(ctx, client, dir, service, w) })
	}
	if !errors.Is(err, admin.ErrNotServed) {
		return 0, err
	}
	var n int64
	err = c.withLease(dir, b, func() error {
		source := filepath.Join(dir, storeFile)
		// A file that is no store must not become a backup.
		if _, err := store.Peek(source); err != nil {
			return err
		}
		f, err := os.Open(source)
		if err != nil {
			return err
		}
		n, err = writeNew(path, func(w io.Writer) error { _, err := io.Copy(w, f); return err })
		return errors.Join(err, f.Close())
	})
	return n, err
}

// writeNew makes a file whole or not at all, and does not replace one.
func writeNew(path string, write func(io.Writer) error) (n int64, err error) {
	// Asked first: a copy takes its time, and its end is a bad moment for bad news.
	if _, err := os.Lstat(path); err == nil {
		return 0, fmt.Errorf("%s: %w; nothing is overwritten", path, os.ErrExist)
	}
	return writeWhole(path, write)
}

// writeWhole makes or replaces a regular file, whole or not at all.
func writeWhole(path string, write func(io.Writer) error) (n int64, err error) {
	// The rename would put a file in the place of a device.
	if fi, err := os.Lstat(path); err == nil && !fi.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no regular file, so it is not replaced", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return 0, errors.Join(err, f.Close())
	}
	n, err = f.Seek(0, io.SeekEnd)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	return n, disk.SyncParent(path)
}
