package lease

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// What tests of a whole process need to know or to do.
const (
	MaxHeld       = maxHeld
	MaxHeldBytes  = maxHeldBytes
	MaxHold       = maxHold
	OwnTimeout    = ownTimeout
	DrainTimeout  = drainTimeout
	OwnerMetadata = ownerMetadata
	OwnerFile     = ownerFile
	LockFile      = lockFile
	JournalFile   = journalFile
	JournalLimit  = journalLimit
)

// Die ends a process's part as the kernel does at its death: the store and the lock are
// closed, and nobody is told.
func (l *Lease) Die() error {
	l.halt()
	l.running.Wait()
	l.moving <- struct{}{}
	defer l.end()
	l.links.close()
	if l.lock == nil {
		return nil
	}
	return errors.Join(l.Store.Close(), l.lock.unlock())
}

// Backoff tells how long the next acquisition waits after one that failed.
func (l *Lease) Backoff() time.Duration {
	l.moving <- struct{}{}
	defer l.end()
	return l.backoff
}

// Links gives the instances that the process has connections to, or tries to have.
func (l *Lease) Links() []string {
	l.links.mu.Lock()
	defer l.links.mu.Unlock()
	return slices.Collect(maps.Keys(l.links.open))
}

// Try tries once to take the lock, as a candidate does now and then.
func (l *Lease) Try() { l.try() }

// Trying calls f while the process tries the lock.
func (l *Lease) Trying(f func()) {
	l.moving <- struct{}{}
	defer l.end()
	f()
}

// Occupy takes the room of requests that are held, until the function that it returns is
// called. It tells whether there was that much.
func (l *Lease) Occupy(count, size int) (leave func(), ok bool) {
	ok = true
	for range count {
		ok = l.held.enter(size) && ok
	}
	return func() {
		for range count {
			l.held.leave(size, time.Now())
		}
	}, ok
}
