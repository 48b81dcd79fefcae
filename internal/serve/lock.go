package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"
)

// turnTimeout bounds the wait for other processes that start.
const turnTimeout = time.Second

// lock takes the locks of those stores whose locks are free.
func (p *Process) lock() error {
	if p.config.NeverCreate {
		// Before anything is created, so that a wrong folder stays as it is.
		for _, s := range p.binary.Services {
			path := filepath.Join(p.dir(s.Name), storeFile)
			if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
				return fmt.Errorf("--create never: %w at %s; is the disk mounted?", store.ErrMissing, path)
			}
		}
	}
	if len(p.binary.Services) == 0 {
		return nil
	}
	if err := os.MkdirAll(p.config.Data, 0o700); err != nil {
		return fmt.Errorf("--data %s: %w", p.config.Data, err)
	}
	defer p.takeTurn()()
	for _, s := range p.binary.Services {
		if err := os.MkdirAll(p.dir(s.Name), 0o700); err != nil {
			return fmt.Errorf("--data %s: %w", p.config.Data, err)
		}
		l, err := p.newLease(s)
		if err != nil {
			return err
		}
		if p.locked[s.Name], err = l.Lock(); err != nil {
			return err
		}
	}
	return nil
}

// takeTurn waits until no other process takes locks below the data folder. Of two that
// start at once, each could else get a part of a new board, and neither would fill it. It
// does without if the turn does not come, as when a process was stopped in its own, or if
// the file system has no such locks.
func (p *Process) takeTurn() (end func()) {
	f, err := os.Open(p.config.Data)
	if err != nil {
		return func() {}
	}
	end = func() { _ = f.Close() } // frees the lock
	limit := time.After(turnTimeout)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		select {
		case <-again.C:
		case <-limit:
			return end
		case <-p.starting.Done():
			return end
		}
	}
	return end
}

// newLease makes the process's part in who owns a service's store.
func (p *Process) newLease(s Service) (*lease.Lease, error) {
	log := p.log.With("service", s.Name)
	fatal := func(err error) { p.fatal(s.Name, err) }
	st := store.New(filepath.Join(p.dir(s.Name), storeFile), s.Schema, store.Options{
		NeverCreate: p.config.NeverCreate, Fatal: fatal, Log: log,
	})
	l, err := lease.New(lease.Config{
		Dir: p.dir(s.Name), Self: lease.Owner{Instance: p.instance, PID: os.Getpid(), Binary: p.binary.Name},
		Store: st, Schema: s.Schema, Desc: s.Desc, NeverOwn: p.config.NeverOwn,
		AllowNetworkFS: p.config.AllowNetworkFS, Log: log, Fatal: fatal,
	})
	if err != nil {
		return nil, err
	}
	for _, m := range s.Desc.Methods {
		name := "/" + s.Desc.ServiceName + "/" + m.MethodName
		p.chain.owned[name], p.socket.owned[name] = l.Unary, l.UnaryForwarded
	}
	p.stores[s.Name], p.leases[s.Name] = st, l
	return l, nil
}

func (p *Process) unlock(context.Context) error {
	errs := make([]error, 0, len(p.leases))
	for _, l := range p.leases {
		errs = append(errs, l.Unlock())
	}
	return errors.Join(errs...)
}
