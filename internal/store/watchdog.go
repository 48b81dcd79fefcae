package store

import "time"

// The watchdog looks this often, and ends the process when it has seen no progress so
// many times in a row. It counts its looks and no time, because a process that was
// stopped has let time pass and is not wedged.
const (
	watchInterval = 250 * time.Millisecond
	watchLooks    = 8
)

func newTicker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// watchdog calls Fatal once if changes wait and no batch begins or ends, as when the
// disk does not answer: nobody can tell, and another process would do better. It ends
// when the committer does.
func (s *Store) watchdog(f *file) {
	ticks, stop := s.ticker(watchInterval)
	defer stop()
	var last uint64
	still := 0 // looks in a row that saw no progress
	for still < watchLooks {
		select {
		case <-ticks:
		case <-f.stopped:
			return
		}
		batches := f.batches.Load()
		waiting := batches%2 == 1 || len(f.queue) > 0
		if still++; !waiting || batches != last {
			last, still = batches, 0
		}
	}
	s.opts.Fatal(ErrWedged)
}
